export const PLAIN = 0
export const DROPPED = 1
export const HOST = 2
export const CONTENT_LENGTH = 3
export const TRANSFER_ENCODING = 4
export const CONNECTION = 5
export const EXPECT = 6
export const UPGRADE = 7
/** Left out of the block and kept as a claim. */
export const CLAIMED = 8
/** Forwarded, and a claim as well. */
export const NOTED = 9

/** What to do with a field of some name. */
export interface Field {
  readonly action: number
  /** How its line begins as the first of a block, and behind another. Made once: joining strings is what costs here. */
  readonly asFirst: string
  readonly asNext: string
  /** As {@link RequestHead.selects}. */
  readonly selects: boolean
}

const SELECTING = /^(?:cache-control|pragma|range|authorization|if-.+)$/

export const field = (name: string, action: number): Field => ({
  action,
  asFirst: `${name}: `,
  asNext: `\r\n${name}: `,
  selects: SELECTING.test(name),
})
const all = (action: number, ...names: string[]) => names.map((name) => [name, field(name, action)] as const)

/**
 * By name. Plain ones are listed only to spare them a closer look; a name that is not here is plain if it is made of letters,
 * digits and hyphens.
 */
export const FIELDS: ReadonlyMap<string, Field> = new Map([
  ...all(HOST, 'host'),
  ...all(CONTENT_LENGTH, 'content-length'),
  ...all(TRANSFER_ENCODING, 'transfer-encoding'),
  ...all(CONNECTION, 'connection'),
  ...all(EXPECT, 'expect'),
  ...all(UPGRADE, 'upgrade'),
  // Hop-by-hop (RFC 9110 §7.6.1).
  ...all(
    DROPPED,
    'keep-alive',
    'proxy-authenticate',
    'proxy-authorization',
    'proxy-connection',
    'te',
    'trailer',
  ),
  ...all(DROPPED, 'http2-settings'),
  // What a client could forge (B11); with the prefix x-forwarded-.
  ...all(CLAIMED, 'forwarded', 'x-real-ip', 'x-request-id'),
  ...all(NOTED, 'cdn-loop', 'via'),
  ...all(
    PLAIN,
    'accept',
    'accept-encoding',
    'accept-language',
    'authorization',
    'cache-control',
    'content-type',
  ),
  ...all(
    PLAIN,
    'cookie',
    'if-modified-since',
    'if-none-match',
    'origin',
    'pragma',
    'priority',
    'range',
    'referer',
  ),
  ...all(PLAIN, 'sec-ch-ua', 'sec-ch-ua-mobile', 'sec-ch-ua-platform', 'sec-fetch-dest', 'sec-fetch-mode'),
  ...all(PLAIN, 'sec-fetch-site', 'sec-fetch-user', 'upgrade-insecure-requests', 'user-agent'),
])
