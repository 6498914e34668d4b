import { BroadcastChannel } from 'node:worker_threads'
import type { Filter, Session } from '#src/index.js'

/** What the filter of one worker tells when it is asked over the channel. */
export interface MarkerReport {
  readonly contextsMade: number
  readonly contextsFreed: number
  readonly logged: number
  /** Another request's data was seen here. */
  readonly mixedUp: readonly string[]
  /** Ended sessions that still gave data. */
  readonly undead: number
}

interface Ctx {
  marker: string
  requestBytes: number
  responseBytes: number
}

interface UserCtx {
  readonly marker: string
}

const KEPT_ENDED = 200

/** Marks every session in its context, and looks at each hook whether what is there is all of the same session. */
export default function createMarker(options: Readonly<Record<string, unknown>>): Filter<Ctx> {
  const channel = new BroadcastChannel(String(options['channel']))
  const mixedUp: string[] = []
  const ended: Session[] = []
  let contextsMade = 0
  let contextsFreed = 0
  let logged = 0
  channel.onmessage = ({ data }: { readonly data: unknown }) => {
    if (data !== 'report') return
    const undead = ended.filter(givesData).length
    channel.postMessage({ contextsMade, contextsFreed, logged, mixedUp, undead } satisfies MarkerReport)
  }
  channel.unref()

  const expect = (where: string, got: string | null | undefined, marker: string): void => {
    if (got !== marker) mixedUp.push(`${where}: ${got} in the session of ${marker}`)
  }
  const expectBody = (where: string, chunk: Uint8Array, at: number, marker: string): void => {
    const text = new TextDecoder('latin1').decode(chunk)
    const from = at % marker.length
    const wanted = marker
      .repeat(Math.ceil((from + text.length) / marker.length))
      .slice(from, from + text.length)
    if (text !== wanted) mixedUp.push(`${where}: ${text.slice(0, 40)} in the session of ${marker}`)
  }
  const markerOf = (session: Session): string | undefined => (session.userCtx as UserCtx | null)?.marker

  return {
    name: 'marker',
    newCtx() {
      contextsMade += 1
      return { marker: '', requestBytes: 0, responseBytes: 0 }
    },
    async requestFilter(session, ctx) {
      const marker = session.reqHeader()?.headers.get('x-marker') ?? ''
      ctx.marker = marker
      expect('fresh context', String(session.userCtx), 'null')
      session.userCtx = { marker } satisfies UserCtx
      await new Promise((resolve) => setTimeout(resolve, marker.charCodeAt(marker.length - 1) % 4))
      expect('userCtx after await', markerOf(session), marker)
      expect('header after await', session.reqHeader()?.headers.get('x-marker'), marker)
    },
    requestBodyFilter(session, chunk, _end, ctx) {
      expect('userCtx in body', markerOf(session), ctx.marker)
      expectBody('request body', chunk, ctx.requestBytes, ctx.marker)
      ctx.requestBytes += chunk.length
    },
    upstreamRequestFilter(session, request, ctx) {
      request.headers.set('x-context', markerOf(session) ?? 'none')
      expect('upstream header', request.headers.get('x-marker'), ctx.marker)
    },
    async responseFilter(session, ctx) {
      expect('response header', session.respHeader()?.headers.get('x-marker'), ctx.marker)
      await new Promise((resolve) => setImmediate(resolve))
      expect('response header after await', session.respHeader()?.headers.get('x-marker'), ctx.marker)
      session.respHeaderMut()?.headers.append('x-answered', markerOf(session) ?? 'none')
    },
    responseBodyFilter(session, chunk, _end, ctx) {
      expect('userCtx in response body', markerOf(session), ctx.marker)
      expectBody('response body', chunk, ctx.responseBytes, ctx.marker)
      ctx.responseBytes += chunk.length
    },
    logging(session, _error, ctx) {
      logged += 1
      expect('userCtx at the end', markerOf(session), ctx.marker)
      if (ended.length < KEPT_ENDED) ended.push(session)
    },
    freeCtx() {
      contextsFreed += 1
    },
  }
}

function givesData(session: Session): boolean {
  try {
    return session.userCtx !== null || session.reqHeader() !== null
  } catch {
    return false
  }
}
