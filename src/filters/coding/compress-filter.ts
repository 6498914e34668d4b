import { constants, createBrotliCompress, createDeflate, createGzip } from 'node:zlib'
import { z } from 'zod'
import type { Filter } from '../../lifecycle/index.js'
import type { ReadonlyHeaders } from '../../session/headers.js'
import type { Session } from '../../session/session.js'
import { sizeOption } from '../option-units.js'
import { CODINGS, type Coding, negotiateCoding } from './accept-encoding.js'
import { addVary, forbidsTransform, isCoded, recoded } from './content-fields.js'
import { ZlibPipe } from './zlib-pipe.js'

/** Content that shrinks. */
const TYPES = [
  'text/*',
  '*+json',
  '*+xml',
  'application/json',
  'application/javascript',
  'application/x-javascript',
  'application/x-ndjson',
  'application/xml',
  'application/wasm',
  'application/vnd.ms-fontobject',
  'font/otf',
  'font/ttf',
  'image/bmp',
  'image/x-icon',
]

const TYPE = /^(?:\*|[a-z0-9!#$&^_.-]+)(?:\/(?:\*|[a-z0-9!#$&^_.+-]+)|\+[a-z0-9.-]+)$/

/** Options of the built-in filter `compress`. */
export const compressOptions = z.strictObject({
  /** In order of preference among those that a client likes as well. */
  codings: z.array(z.enum(CODINGS)).min(1).default(['br', 'gzip']),
  /** Content types that are compressed: `text/*`, `*+json`, `application/json`. */
  types: z
    .array(
      z
        .string()
        .toLowerCase()
        .regex(TYPE, "expected a content type such as 'text/*', '*+json' or 'text/css'"),
    )
    .min(1)
    .default(TYPES),
  /** Shorter answers are left alone; those of unknown length are not. */
  minSize: sizeOption.default(1024),
  /** Of gzip and deflate, 1 (fast) to 9 (small). */
  level: z.int().min(1).max(9).default(5),
  /** Of Brotli, 0 (fast) to 11 (small and very slow). */
  brotliQuality: z.int().min(0).max(11).default(4),
})

export type CompressOptions = z.infer<typeof compressOptions>

/** Of one session. */
interface CompressContext {
  pipe: ZlibPipe | null
  /** Nobody knows how long the answer is: each piece goes on as it comes. */
  flushes: boolean
}

/** Window of Brotli, 2^n bytes: 512 KiB, so that an answer costs about 2 MiB of memory while it is under way. */
const BROTLI_WINDOW_BITS = 19

/**
 * The built-in filter `compress`: answers on their way to the client, behind the cache, in the coding that the client prefers. Left
 * alone is what is coded already, says `no-transform`, is a part (206), or is of no type in the list.
 */
export function createCompressFilter(options: CompressOptions): Filter<CompressContext> {
  const { codings, minSize } = options
  const isWanted = typeTest(options.types)
  return {
    name: 'compress',
    newCtx: () => ({ pipe: null, flushes: false }),
    responseBodyStart(session, lengthBytes, ctx) {
      const head = session.respHeaderMut()
      if (head === null || head.code === 206) return false
      if (lengthBytes !== null && lengthBytes < minSize) return false
      const { headers } = head
      if (!isWanted(headers) || isCoded(headers) || forbidsTransform(headers)) return false
      addVary(headers)
      const coding = negotiateCoding(acceptEncoding(session), codings)
      if (coding === null) return false
      headers.set('Content-Encoding', coding)
      recoded(headers)
      if (session.reqHeader()?.method === 'HEAD') return true
      ctx.flushes = lengthBytes === null
      ctx.pipe = compressor(coding, options)
      return true
    },
    responseBodyFilter(_session, piece, endOfStream, ctx) {
      const { pipe } = ctx
      if (pipe === null) return undefined
      return endOfStream ? pipe.end(piece) : pipe.write(piece, ctx.flushes)
    },
    freeCtx(ctx) {
      ctx.pipe?.close()
    },
  }
}

function acceptEncoding(session: Session): string | null {
  return session.reqHeader()?.headers.get('accept-encoding') ?? null
}

function compressor(coding: Coding, { level, brotliQuality }: CompressOptions): ZlibPipe {
  if (coding === 'gzip') return new ZlibPipe(createGzip({ level }), false)
  if (coding === 'deflate') return new ZlibPipe(createDeflate({ level }), false)
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: brotliQuality,
    [constants.BROTLI_PARAM_LGWIN]: BROTLI_WINDOW_BITS,
  }
  return new ZlibPipe(createBrotliCompress({ params }), true)
}

/** Tells whether the content of an answer is of one of the types. */
function typeTest(types: readonly string[]): (headers: ReadonlyHeaders) => boolean {
  const patterns = types.map((type) => type.replace(/[.+^$]/g, '\\$&').replace('*', '.*'))
  const test = new RegExp(`^(?:${patterns.join('|')})$`)
  return (headers) => {
    const type = headers.get('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? ''
    return test.test(type)
  }
}
