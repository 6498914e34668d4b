import { expect } from 'vitest'
import { type ReaderLimits, ResponseReader } from '#src/upstream/http1/response-reader.js'
import type { ResponseHead } from '#src/upstream/http1/types.js'

/** All that a reader reported about one response, in a form that can be compared. */
export interface Transcript {
  state: string
  reason: string | null
  problem: string
  interim: string[]
  head: ResponseHead | null
  body: string
  trailers: string
  reusable: boolean
  /** Bytes that belonged to the response. */
  consumed: number
}

export interface ReadOptions {
  readonly method?: string
  readonly offered?: string
  readonly limits?: ReaderLimits
  /** Does the sender close after the last byte? */
  readonly closed?: boolean
}

/** Feeds pieces, each through the same reused memory, as a socket does. */
export function readResponse(pieces: readonly Buffer[], options: ReadOptions = {}): Transcript {
  const interim: string[] = []
  const body: string[] = []
  let head: ResponseHead | null = null
  const reader = new ResponseReader(
    {
      onReaderInformational: (status, block) => interim.push(`${status} ${block}`),
      onReaderHead: (it) => {
        head = it
      },
      onReaderBody: (chunk) => body.push(Buffer.from(chunk).toString('latin1')),
    },
    ...(options.limits === undefined ? [] : [options.limits]),
  )
  reader.begin(options.method === 'HEAD', options.offered ?? null)
  const memory = Buffer.alloc(Math.max(1, ...pieces.map((piece) => piece.length)) + 3)
  let consumed = 0
  for (const piece of pieces) {
    memory.fill(0)
    piece.copy(memory, 3)
    const end = 3 + piece.length
    const at = reader.feed(memory, 3, end)
    consumed += at - 3
    if (at < end) break
  }
  if (options.closed === true) reader.endOfInput()
  const failed = reader.state === 'failed'
  return {
    state: reader.state,
    reason: failed ? reader.reason : null,
    problem: failed ? reader.problem : '',
    interim,
    head,
    body: body.join(''),
    trailers: reader.trailerBlock,
    reusable: reader.reusable,
    // Where a refused response was left does not matter: its connection is dropped.
    consumed: failed ? -1 : consumed,
  }
}

/** Whole, in two pieces at every position, and byte by byte. */
export function* splits(bytes: Buffer): Generator<Buffer[]> {
  yield [bytes]
  for (let at = 1; at < bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)]
  yield Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))
}

/** Reads the response in every split and insists on one outcome. */
export function readInEverySplit(text: string, options: ReadOptions = {}): Transcript {
  const bytes = Buffer.from(text, 'latin1')
  const whole = readResponse([bytes], options)
  for (const pieces of splits(bytes)) {
    const transcript = readResponse(pieces, options)
    if (JSON.stringify(transcript) !== JSON.stringify(whole)) {
      expect({ split: pieces.map((piece) => piece.length), ...transcript }).toEqual(whole)
    }
  }
  return whole
}
