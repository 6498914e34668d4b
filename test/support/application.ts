import { type SeenRequest, seenBody, seenHeader } from './seen-request.js'

/** An answer that the application behind a subject gives. */
export interface Answer {
  readonly status: number
  readonly statusText: string
  /** Field lines, each with CRLF. */
  readonly headerBlock: string
  readonly body: AnswerBody
}

export type AnswerBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'whole'; readonly bytes: Buffer }
  | {
      readonly kind: 'stream'
      /** null: unknown, so chunked. */
      readonly contentLength: number | null
      readonly pieces: Iterable<Buffer>
      readonly trailerBlock: string
    }

const TEXT = 'content-type: text/plain\r\n'
const ALLOW = 'allow: GET, HEAD, OPTIONS, POST, PUT, PATCH\r\n'
const PIECE_BYTES = 65_536

/** `length` bytes in which no 64 KiB window repeats, so that lost, doubled or swapped pieces show. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i + 4 <= length; i += 4) bytes.writeUInt32LE((i * 2_654_435_761) % 4_294_967_296, i)
  return bytes
}

/** The bytes in pieces of 64 KiB, the size in which the gateway moves bodies. */
export function* piecesOf(bytes: Buffer): Iterable<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}

function text(status: number, statusText: string, body: string | Buffer, headerBlock = TEXT): Answer {
  return { status, statusText, headerBlock, body: { kind: 'whole', bytes: Buffer.from(body) } }
}

/**
 * The application that the recorded cases expect: `GET` answers `OK`, `POST` echoes the body, `/echo` lists the fields
 * that arrived, `/cookie` the cookies. Beside it, for our own rows: `/status/<code>`, `/stream/known/<bytes>`,
 * `/stream/chunked/<bytes>`, `/trailer`.
 */
export function answerOf(request: SeenRequest): Answer {
  const path = request.target.split('?', 1)[0] ?? ''
  if (request.method === 'OPTIONS') {
    return { status: 204, statusText: 'No Content', headerBlock: ALLOW, body: { kind: 'none' } }
  }
  if (path === '/echo') return text(200, 'OK', request.headerBlock.replaceAll('\r\n', '\n'))
  if (path === '/cookie') {
    const cookies = seenHeader(request, 'cookie').flatMap((line) =>
      line.split(';').map((pair) => pair.trim()),
    )
    return text(200, 'OK', cookies.map((pair) => `${pair}\n`).join(''))
  }
  const [, first = '', second = '', third = ''] = path.split('/')
  if (first === 'status') return statusAnswer(Number(second))
  if (first === 'stream') {
    const bytes = pattern(Number(third))
    const contentLength = second === 'known' ? bytes.length : null
    return stream(bytes, contentLength, '')
  }
  if (first === 'trailer') return stream(Buffer.from('with a trailer'), null, 'x-checksum: abc\r\n')
  if (request.method === 'GET' || request.method === 'HEAD') return text(200, 'OK', 'OK')
  if (['POST', 'PUT', 'PATCH'].includes(request.method)) return text(200, 'OK', seenBody(request))
  return text(405, 'Method Not Allowed', 'no', `${TEXT}${ALLOW}`)
}

function statusAnswer(status: number): Answer {
  if (status === 204 || status === 304) {
    return { status, statusText: '', headerBlock: 'etag: "a"\r\n', body: { kind: 'none' } }
  }
  return text(status, 'As asked', `status ${status}`)
}

function stream(bytes: Buffer, contentLength: number | null, trailerBlock: string): Answer {
  const headerBlock = 'content-type: application/octet-stream\r\n'
  const body = { kind: 'stream', contentLength, pieces: piecesOf(bytes), trailerBlock } as const
  return { status: 200, statusText: 'OK', headerBlock, body }
}
