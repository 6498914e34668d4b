import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'
import { GatewayError } from '../../session/errors.js'
import { tooLarge } from './exchange.js'

const DECODERS: ReadonlyMap<
  string,
  (body: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>
> = new Map([
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
])
/** More than two are an attack or a mistake. */
const MOST_CODINGS = 2

/**
 * Takes content codings off (RFC 9110 §8.4), never to more than `maxBytes`.
 * @throws GatewayError when a coding is unknown, the data is broken or too large
 */
export async function decodeBody(body: Uint8Array, encoding: string, maxBytes: number): Promise<Uint8Array> {
  const codings = encoding
    .toLowerCase()
    .split(',')
    .map((coding) => coding.trim())
    .filter((coding) => coding !== '' && coding !== 'identity')
  if (codings.length === 0 || body.length === 0) return body
  if (codings.length > MOST_CODINGS) throw undecodable('too many content codings')
  let decoded: Uint8Array = body
  for (const coding of codings.reverse()) {
    const decode = DECODERS.get(coding)
    if (decode === undefined) throw undecodable(`unknown content coding '${coding}'`)
    try {
      decoded = await decode(decoded, { maxOutputLength: maxBytes })
    } catch (error) {
      const isSize = error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'
      throw isSize ? tooLarge(maxBytes) : undecodable('the content coding is broken', error)
    }
  }
  return decoded
}

function undecodable(message: string, cause?: unknown): GatewayError {
  return new GatewayError(message, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'http_response_content_coding',
    source: 'upstream',
    cause,
  })
}
