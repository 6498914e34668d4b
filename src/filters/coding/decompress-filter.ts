import { z } from 'zod'
import type { Filter } from '../../lifecycle/index.js'
import { sizeOption } from '../option-units.js'
import { type Coding, readableCoding, readableCodings } from './accept-encoding.js'
import { requestBomb, requestUndecodable, responseBomb, responseUndecodable } from './coding-errors.js'
import { dropVary, forbidsTransform, recoded } from './content-fields.js'
import { Decoder, type DecoderErrors } from './decoder.js'

/** Options of the built-in filter `decompress`. */
export const decompressOptions = z.strictObject({
  /** Bodies of upstreams. */
  response: z.boolean().default(true),
  /** Bodies of clients. */
  request: z.boolean().default(false),
  /** Longest a body may be when decompressed. */
  maxDecompressed: sizeOption.default(100 * 1024 * 1024),
  /** How many times longer than what came, beyond the first MiB. */
  maxRatio: z.number().min(2).max(100_000).default(100),
})

export type DecompressOptions = z.infer<typeof decompressOptions>

/** Of one session. */
interface DecompressContext {
  coding: Coding | null
  down: Decoder | null
  up: Decoder | null
}

type Hooks = Omit<Filter<DecompressContext>, 'name'>

const RESPONSE_ERRORS: DecoderErrors = { bomb: responseBomb, undecodable: responseUndecodable }
const REQUEST_ERRORS: DecoderErrors = { bomb: requestBomb, undecodable: requestUndecodable }

/**
 * The built-in filter `decompress`: bodies in gzip, deflate or Brotli pass on as the content itself, so that filters can read them. What
 * grows too large is refused while it is read (A16).
 */
export function createDecompressFilter(options: DecompressOptions): Filter<DecompressContext> {
  return {
    name: 'decompress',
    newCtx: () => ({ coding: null, down: null, up: null }),
    ...(options.response ? responseHooks(options) : {}),
    ...(options.request ? requestHooks(options) : {}),
    upstreamRequestFilter(_session, request, ctx) {
      const { headers } = request
      if (options.request) {
        ctx.up?.close()
        // An attempt that is repeated begins with the first byte again.
        const coding = readableCoding(headers.get('content-encoding'))
        ctx.up = coding === null ? null : new Decoder(coding, options, REQUEST_ERRORS)
        if (coding !== null) headers.remove('content-encoding')
      }
      const accepted = options.response ? headers.get('accept-encoding') : null
      if (accepted !== null && accepted !== '') headers.set('Accept-Encoding', readableCodings(accepted))
    },
    freeCtx(ctx) {
      ctx.down?.close()
      ctx.up?.close()
    },
  }
}

/** Before the answer is stored: what is in the cache is the content itself, and so serves every client. */
function responseHooks(options: DecompressOptions): Hooks {
  return {
    upstreamResponseFilter(_session, { code, headers }, ctx) {
      ctx.coding = null
      if (code === 206 || forbidsTransform(headers)) return
      const coded = headers.get('content-encoding')
      if (coded === null) {
        dropVary(headers)
        return
      }
      const coding = readableCoding(coded)
      if (coding === null) return
      ctx.coding = coding
      headers.remove('content-encoding')
      dropVary(headers)
      recoded(headers)
    },
    upstreamResponseBodyStart(_session, _lengthBytes, ctx) {
      if (ctx.coding === null) return false
      ctx.down?.close()
      ctx.down = new Decoder(ctx.coding, options, RESPONSE_ERRORS)
      return true
    },
    upstreamResponseBodyFilter: (_session, piece, endOfStream, ctx) => ctx.down?.decode(piece, endOfStream),
  }
}

function requestHooks(options: DecompressOptions): Hooks {
  return {
    async requestFilter(session, ctx) {
      const head = session.reqHeaderMut()
      // A body that streams is decoded on its way up; one that is buffered now, for the filters behind this one.
      if (session.requestBody === null || head === null) return
      const coding = readableCoding(head.headers.get('content-encoding'))
      if (coding === null) return
      ctx.up = new Decoder(coding, options, REQUEST_ERRORS)
      session.requestBody = await ctx.up.decode(session.requestBody, true)
      head.headers.remove('content-encoding')
    },
    requestBodyFilter: (_session, piece, endOfStream, ctx) => ctx.up?.decode(piece, endOfStream),
  }
}
