import { GatewayError } from '../../session/errors.js'
import type { Transport, TransportRequest, TransportResponse } from '../upstream/index.js'

/**
 * The answer, or a rejection when the time is over or the signal fires, even if the transport keeps to neither.
 * @throws GatewayError `HG_TIMEOUT`, `signal.reason`, or what the transport throws
 */
export async function sendWithin(
  transport: Transport,
  request: Omit<TransportRequest, 'signal' | 'timeoutMs'>,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<TransportResponse> {
  signal?.throwIfAborted()
  const stop = new AbortController()
  const onAbort = (): void => stop.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => stop.abort(timeout(timeoutMs)), Math.max(0, timeoutMs))
  try {
    const ended = new Promise<never>((_resolve, reject) => {
      stop.signal.addEventListener('abort', () => reject(stop.signal.reason), { once: true })
    })
    return await Promise.race([transport.send({ ...request, timeoutMs, signal: stop.signal }), ended])
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function timeout(timeoutMs: number): GatewayError {
  return new GatewayError(`no answer within ${Math.round(timeoutMs)} ms`, {
    code: 'HG_TIMEOUT',
    status: 504,
    reason: 'http_response_timeout',
    source: 'upstream',
    retry: 'idempotent',
  })
}
