import type { SessionOutcome } from '../lifecycle/index.js'
import type { EndedSpan } from '../otlp/index.js'
import { now } from '../time/index.js'

/**
 * The spans of a session, with attributes of the stable semantic conventions for HTTP: its own, and one for each attempt. None if its trace
 * is not sampled. The query is left out: it may hold secrets.
 * @param scheme how clients come here
 */
export function sessionSpans(
  { session, trail, error, status }: SessionOutcome,
  scheme: 'http' | 'https',
): EndedSpan[] {
  const { trace } = trail
  if (trace === null || !trace.sampled) return []
  const { timing } = session
  const request = session.reqHeader()
  const endMs = timing.responseSent ?? now()
  const { traceId, spanId, parentSpanId } = trace
  const method = request?.method ?? '_OTHER'
  const route = session.routeName()
  const failure = error !== null ? error.reason : status >= 500 ? String(status) : ''
  const own: EndedSpan = {
    traceId,
    spanId,
    parentSpanId,
    isRemoteParent: true,
    kind: 'server',
    name: `${method} ${route}`,
    startMs: timing.requestStart,
    endMs,
    attributes: {
      'http.request.method': method,
      'url.scheme': scheme,
      'url.path': request?.uri.path ?? '',
      'http.route': route,
      'client.address': session.clientAddress(),
      'network.protocol.version': '1.1',
      'headgate.request_id': session.requestId(),
      ...(status === 0 ? {} : { 'http.response.status_code': status }),
      ...(failure === '' ? {} : { 'error.type': failure }),
    },
    // What the client did wrong is no failure of the server.
    error: error?.source === 'downstream' || error?.code === 'HG_FILTERED' ? '' : failure,
  }
  const attempts = trace.attempts.map((attempt, index): EndedSpan => {
    const reason =
      attempt.reason !== '' ? attempt.reason : attempt.status >= 400 ? String(attempt.status) : ''
    return {
      traceId,
      spanId: attempt.spanId,
      parentSpanId: spanId,
      isRemoteParent: false,
      kind: 'client',
      name: method,
      startMs: attempt.startMs,
      endMs: attempt.endMs < 0 ? endMs : attempt.endMs,
      attributes: {
        'http.request.method': method,
        'server.address': attempt.host,
        ...(attempt.port === 0 ? {} : { 'server.port': attempt.port }),
        'network.protocol.version': '1.1',
        ...(index === 0 ? {} : { 'http.request.resend_count': index }),
        ...(attempt.status === 0 ? {} : { 'http.response.status_code': attempt.status }),
        ...(reason === '' ? {} : { 'error.type': reason }),
      },
      error: reason,
    }
  })
  return [own, ...attempts]
}
