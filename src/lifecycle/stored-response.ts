import { randomBytes } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { type CacheStatus, cacheStatus, type EntryMeta, type Fields } from '../cache/rules/index.js'
import type { EntryHead, StoredEntry } from '../cache/store/index.js'
import { type StoredAnswer, storedAnswer } from '../cache/stored-answer.js'
import { Headers } from '../session/headers.js'
import { ResponseHeader } from '../session/message-headers.js'
import type { ResponseHead } from '../upstream/http1/index.js'
import type { PumpSink } from './entry-pump.js'
import { EntryPump } from './entry-pump.js'
import type { ResponseStage } from './response-stage.js'

/** Who the gateway is in Cache-Status. */
const NAME = 'headgate'

/** An answer from the cache on its way to a client. */
export interface StoredDelivery {
  readonly response: ResponseStage
  readonly request: { readonly method: string; readonly fields: Fields }
  readonly entry: StoredEntry
  readonly head: EntryHead
  readonly meta: EntryMeta
  /** Null: the answer does not tell. */
  readonly status: CacheStatus | null
  /** Line of Age; '' for an answer that has just come from the origin. */
  readonly age: string
  /** Filters look into the body: they get bytes that nobody else has. */
  readonly isFiltered: boolean
  /** As of `EntryPump`. */
  readonly isLive: boolean
  onBroken(): void
  /** As of `PumpSink`. */
  onPumped?(): void
  /** As of `PumpSink.dropped`. @param pump is to be fed */
  onDropped?(pump: EntryPump): void
}

/** The value of Cache-Status. */
export function cacheStatusLine(status: CacheStatus): string {
  return cacheStatus(NAME, status)
}

/** The head of an answer of the upstream, with how the cache came to ask for it. */
export function withStatus(head: ResponseHead, status: CacheStatus): ResponseHead {
  return { ...head, headerBlock: `${head.headerBlock}cache-status: ${cacheStatusLine(status)}\r\n` }
}

/** Sends a stored answer, or what the client wants of it. @returns what brings the body; it is started already */
export function deliverStored(delivery: StoredDelivery): EntryPump {
  const { response, request, entry, head, meta } = delivery
  const answer = storedAnswer(request, head, meta, entry.totalBytes, boundary)
  const sink: PumpSink = {
    chunk: (bytes) => response.chunk(delivery.isFiltered ? new Uint8Array(bytes) : bytes),
    end: () => response.end(''),
    broken: () => delivery.onBroken(),
    pumped: () => delivery.onPumped?.(),
    ...(delivery.onDropped !== undefined && { dropped: () => delivery.onDropped?.(pump) }),
  }
  const pump = new EntryPump(entry, answer.pieces, sink, delivery.isLive)
  const sent = responseHead(answer, delivery)
  const header = new ResponseHeader(sent.status, sent.statusText, new Headers(sent.headerBlock))
  response.deliver(sent, header, pump, true)
  if (sent.hasBody && request.method !== 'HEAD') pump.poke()
  else {
    pump.close()
    response.end('')
  }
  return pump
}

function responseHead(answer: StoredAnswer, { status, age }: StoredDelivery): ResponseHead {
  return {
    status: answer.status,
    statusText: answer.statusText === '' ? (STATUS_CODES[answer.status] ?? '') : answer.statusText,
    headerBlock: `${answer.headerBlock}${age}${status === null ? '' : `cache-status: ${cacheStatusLine(status)}\r\n`}`,
    contentLength: answer.lengthBytes,
    hasBody: answer.pieces.length > 0,
  }
}

/** RFC 2046 §5.1.1: 128 random bits are in no body. */
function boundary(): string {
  return randomBytes(16).toString('hex')
}
