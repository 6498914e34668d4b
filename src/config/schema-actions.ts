import { z } from 'zod'
import { InvalidValue, show } from './invalid-value.js'
import { count, duration, leaf, size, text, withReference } from './leaf.js'
import type { HostPolicy } from './types-upstream.js'

const HOST_VALUE = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

/** What an upstream is told as Host. */
export const hostPolicy = leaf<HostPolicy, string>(
  { $comment: '`preserve`, `upstream` or host', type: 'string', minLength: 1 },
  (value) => {
    if (value === 'preserve' || value === 'upstream') return { kind: value }
    if (typeof value === 'string' && HOST_VALUE.test(value)) return { kind: 'value', value }
    throw new InvalidValue(
      `${show(value)} is not a host`,
      "'preserve', 'upstream', or a host such as 'app.internal:8080'",
    )
  },
)

const PERCENT = /^(\d{1,3}(?:\.\d{1,4})?)%$/

/** `10%`, as a share from 0 to 1. */
const share = leaf<number, string>(
  { $comment: 'percentage', type: 'string', pattern: withReference('\\d{1,3}(?:\\.\\d{1,4})?%') },
  (value) => {
    const number = typeof value === 'string' ? Number(PERCENT.exec(value)?.[1] ?? Number.NaN) : Number.NaN
    if (number >= 0 && number <= 100) return number / 100
    throw new InvalidValue(`expected a percentage from 0% to 100%, got ${show(value)}`, "for example '10%'")
  },
)

const KEY = /^(cookie|header):([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})$/

/** What a split goes by. */
export type ParsedKey =
  | { readonly kind: 'none' }
  | { readonly kind: 'client' }
  | { readonly kind: 'cookie' | 'header'; readonly name: string }

const stickyKey = leaf<ParsedKey, string>(
  {
    $comment: '`random`, `client`, `cookie:NAME` or `header:NAME`',
    type: 'string',
    pattern: withReference('random|client|(?:cookie|header):.+'),
  },
  (value) => {
    if (value === 'random') return { kind: 'none' }
    if (value === 'client') return { kind: 'client' }
    const [, kind, name = ''] = typeof value === 'string' ? (KEY.exec(value) ?? []) : []
    if (kind === 'cookie') return { kind, name }
    if (kind === 'header') return { kind, name: name.toLowerCase() }
    throw new InvalidValue(
      `${show(value)} is not a key`,
      "'random', 'client', 'cookie:NAME' or 'header:NAME'",
    )
  },
)

export const split = z
  .strictObject({
    upstreams: z.record(z.string(), count(0, 1_000_000)).meta({
      $comment: 'weights by name',
      description: 'Upstreams and their weights: `{ app: 95, canary: 5 }`. Weight 0 gets nothing.',
    }),
    key: stickyKey.prefault('random').meta({
      description:
        'What keeps a client where it is: its address, a cookie or a header; `random` decides for each request. Without the cookie or header its address counts.',
    }),
  })
  .meta({ description: 'Instead of `upstream`: several, by weight.' })

export const mirror = z
  .strictObject({
    upstream: text({ $comment: 'name' }).meta({ description: 'Upstream that gets the copies.' }),
    share: share.prefault('100%').meta({ description: 'How many of the requests are copied.' }),
    maxInFlight: count(1, 65_535)
      .prefault(64)
      .meta({ description: 'Copies under way per worker; beyond it none is made.' }),
    maxBody: size({ max: '16MiB' })
      .prefault('64KiB')
      .meta({ description: 'Requests with a larger body are not copied.' }),
    timeout: duration()
      .prefault('5s')
      .meta({ description: 'How long a copy may take until it is given up.' }),
  })
  .meta({ description: 'Sends copies of requests to another upstream and throws its answers away.' })

const REDIRECTS = [301, 302, 303, 307, 308] as const
export type RedirectStatus = (typeof REDIRECTS)[number]

const redirectStatus = leaf<RedirectStatus, RedirectStatus>(
  { $comment: REDIRECTS.map((status) => `\`${status}\``).join(', '), enum: [...REDIRECTS] },
  (value) => {
    const found = REDIRECTS.find((status) => status === Number(value))
    if (found !== undefined) return found
    throw new InvalidValue(`${show(value)} is not a redirect`, REDIRECTS.join(', '))
  },
)

const to = text({ $comment: 'template' }).meta({
  description:
    'Where to: a path, or `https://host/…`. Filled in: `{NAME}` of the path, `{*}`, `{path}`, `{query}` (with its `?`), and `{host}` as the host.',
})

export const redirect = z
  .union([
    to,
    z.strictObject({
      to,
      status: redirectStatus
        .prefault(302)
        .meta({ description: '301 and 308 are for good, 307 and 308 keep the method.' }),
    }),
  ])
  .meta({ description: 'Instead of `upstream`: sends the client elsewhere.' })

export const respond = z
  .strictObject({
    status: count(200, 599).prefault(200).meta({ description: 'Status of the answer.' }),
    headers: z.record(z.string(), text()).prefault({}).meta({
      $comment: 'values by name',
      description: 'Header fields of the answer. `Content-Type` is `text/plain` unless given.',
    }),
    body: leaf<string, string>({ $comment: 'text', type: 'string' }, (value) => {
      if (typeof value === 'string') return value
      throw new InvalidValue(`expected text, got ${show(value)}`)
    })
      .prefault('')
      .meta({ description: 'Body of the answer, sent as UTF-8.' }),
  })
  .meta({ description: 'Instead of `upstream`: always this answer.' })

const prefix = leaf<string, string>(
  { $comment: 'path', type: 'string', pattern: withReference('/[^*?#{}]*[^/*?#{}]') },
  (value) => {
    if (typeof value === 'string' && /^(?:\/[A-Za-z0-9\-._~!$&'()+,;=:@%]+)+$/.test(value)) return value
    throw new InvalidValue(
      `expected a path such as '/api', got ${show(value)}`,
      "it begins with '/' and ends without",
    )
  },
)

export const rewrite = z
  .strictObject({
    stripPrefix: prefix.optional().meta({
      description: 'Taken off the path, with `/api` also `/api` itself becomes `/`; not off `/apis`.',
    }),
    addPrefix: prefix.optional().meta({ description: 'Put before the path, behind `stripPrefix`.' }),
    path: text({ $comment: 'template' }).optional().meta({
      description:
        'A new path instead: `/v2/{id}/{*}`. Filled in: the parameters of `match.path`, `{*}`, `{path}`.',
    }),
  })
  .meta({ description: 'Changes the path that the upstream is asked for. The query stays.' })
