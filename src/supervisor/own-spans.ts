import type { EndedHere } from '../dispatch/index.js'
import type { EndedSpan } from '../otlp/index.js'
import { Headers } from '../session/headers.js'
import { now } from '../time/index.js'
import type { Tracer } from '../tracing/index.js'

/** How long spans are gathered before they leave the acceptor's thread, ms. */
const GATHER_MS = 200
/** More in that time are dropped and counted. */
const MAX_GATHERED = 2048

export interface OwnSpansOptions {
  readonly tracer: Pick<Tracer, 'begin'>
  /** How clients come here. */
  readonly scheme: 'http' | 'https'
  /** Takes them to the thread that exports. @returns how many found room */
  deliver(spans: readonly EndedSpan[]): number
  onLost(lost: number): void
}

/** Spans of sessions that the acceptor answers by itself: hits, routes' own answers, errors. They are exported by another thread. */
export class OwnSpans {
  readonly #options: OwnSpansOptions
  #gathered: EndedSpan[] = []
  #lost = 0
  #timer: NodeJS.Timeout | null = null

  constructor(options: OwnSpansOptions) {
    this.#options = options
  }

  /** @param route name, '' when none was found. @returns the id of its trace, sampled or not */
  add({ head, status, error, isSent, isHit }: EndedHere, route: string): string {
    const { tracer, scheme } = this.#options
    const { headerBlock, method, target, remoteAddress, requestId, startMs } = head
    const isToldOf = headerBlock.includes('traceparent: ')
    const trace = tracer.begin(isToldOf ? new Headers(headerBlock) : NO_HEADERS)
    if (!trace.sampled) return trace.traceId
    if (this.#gathered.length >= MAX_GATHERED) {
      this.#lost += 1
      return trace.traceId
    }
    const reason = error?.reason ?? (isSent ? '' : 'connection_terminated')
    const failure = reason === '' && status >= 500 ? String(status) : reason
    const mark = target.indexOf('?')
    this.#gathered.push({
      traceId: trace.traceId,
      spanId: trace.spanId,
      parentSpanId: trace.parentSpanId,
      isRemoteParent: true,
      kind: 'server',
      name: route === '' ? method : `${method} ${route}`,
      startMs,
      endMs: now(),
      attributes: {
        'http.request.method': method,
        'url.scheme': scheme,
        'url.path': mark < 0 ? target : target.slice(0, mark),
        ...(route === '' ? {} : { 'http.route': route }),
        'client.address': remoteAddress,
        'network.protocol.version': '1.1',
        'headgate.request_id': requestId,
        ...(isHit === true ? { 'headgate.cache': 'hit' } : {}),
        ...(status === 0 ? {} : { 'http.response.status_code': status }),
        ...(failure === '' ? {} : { 'error.type': failure }),
      },
      error: status >= 500 ? failure : '',
    })
    if (this.#timer === null) {
      this.#timer = setTimeout(() => this.flush(), GATHER_MS)
      this.#timer.unref()
    }
    return trace.traceId
  }

  /** Hands over what is gathered. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const spans = this.#gathered
    this.#gathered = []
    if (spans.length > 0) this.#lost += spans.length - this.#options.deliver(spans)
    if (this.#lost > 0) this.#options.onLost(this.#lost)
    this.#lost = 0
  }
}

const NO_HEADERS = new Headers('')
