import { GatewayError } from '../../session/errors.js'
import { Headers } from '../../session/headers.js'
import type {
  ConnectTarget,
  Http1Connector,
  ResponseHead,
  UpstreamExchange,
  UpstreamTimeouts,
} from '../../upstream/http1/index.js'

export interface ExchangeRequest {
  readonly target: ConnectTarget
  readonly method: string
  readonly path: string
  readonly headers: Headers
  readonly body: Uint8Array | undefined
  readonly maxBodyBytes: number
  readonly timeouts: UpstreamTimeouts
  readonly signal: AbortSignal
}

export interface ExchangeResult {
  readonly status: number
  readonly headers: Headers
  /** As it came, not decoded. */
  readonly body: Uint8Array
}

/**
 * One exchange over the connector, its answer collected. A pooled connection that turns out to be dead before anything came back is
 * replaced once by a fresh one (A11), for methods that may be repeated.
 * @throws GatewayError, or `signal.reason`
 */
export async function exchange(connector: Http1Connector, request: ExchangeRequest): Promise<ExchangeResult> {
  const first = await attempt(connector, request, false)
  if (!('error' in first)) return first
  if (first.wasDeadInPool && (request.method === 'GET' || request.method === 'HEAD')) {
    const second = await attempt(connector, request, true)
    if (!('error' in second)) return second
    throw second.error
  }
  throw first.error
}

interface Failure {
  readonly error: unknown
  readonly wasDeadInPool: boolean
}

function attempt(
  connector: Http1Connector,
  request: ExchangeRequest,
  fresh: boolean,
): Promise<ExchangeResult | Failure> {
  const { target, method, path, headers, body, maxBodyBytes, timeouts, signal } = request
  return new Promise((resolve) => {
    let head: ResponseHead | null = null
    let bytes = 0
    const pieces: Uint8Array[] = []
    // Assigned before the first event: none is called from within `request`.
    let under: UpstreamExchange | null = null
    const finish = (result: ExchangeResult | Failure): void => {
      signal.removeEventListener('abort', onAbort)
      resolve(result)
    }
    const fail = (error: unknown, wasDeadInPool = false): void => finish({ error, wasDeadInPool })
    const onAbort = (): void => {
      under?.abort()
      fail(signal.reason)
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    under = connector.request(
      target,
      {
        method,
        target: path,
        headerBlock: headers.toBlock(),
        body: body === undefined ? { kind: 'none' } : { kind: 'length', length: body.length },
        ...(body === undefined ? {} : { bodyBytes: body }),
        ...(fresh ? { fresh } : {}),
      },
      {
        onConnected: () => undefined,
        onRequestSent: () => undefined,
        onHead: (received) => {
          head = received
        },
        onBody: (chunk) => {
          bytes += chunk.length
          if (bytes <= maxBodyBytes) pieces.push(chunk.slice())
          else {
            under?.abort()
            fail(tooLarge(maxBodyBytes))
          }
        },
        onEnd: () => {
          const { status, headerBlock } = head ?? { status: 0, headerBlock: '' }
          finish({ status, headers: new Headers(headerBlock), body: Buffer.concat(pieces) })
        },
        onError: (error) =>
          fail(error, under?.reused === true && head === null && error.code === 'HG_UPSTREAM_CLOSED'),
        onDrain: () => undefined,
      },
      timeouts,
    )
  })
}

/** The answer is larger than allowed. */
export function tooLarge(maxBodyBytes: number): GatewayError {
  return new GatewayError(`the answer is larger than ${maxBodyBytes} bytes`, {
    code: 'HG_INVALID_RESPONSE',
    status: 502,
    reason: 'http_response_body_size',
    source: 'upstream',
  })
}
