import {
  GatewayError,
  type GatewayErrorOptions,
  InvalidHeader,
  InvalidRequest,
  MaxRetriesExceeded,
  NoPeerAvailable,
  SessionClosed,
} from './errors.js'

/** An error as plain data, which survives a structured clone or msgpack as it is. */
export interface PackedError {
  readonly name: string
  readonly message: string
  /** The fields of a {@link GatewayError}; absent for any other error. */
  readonly gateway?: Omit<GatewayErrorOptions, 'cause'>
  /** Of {@link MaxRetriesExceeded}. */
  readonly attempts?: number
  /** Of {@link NoPeerAvailable}. */
  readonly upstream?: string
  readonly cause?: PackedError
}

/** Causes of causes beyond this are left out. */
const MAX_DEPTH = 8

/** Turns anything thrown into plain data, without its stack. A structured clone of an error would lose class and fields. */
export function packError(error: unknown, depth = 0): PackedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, cause } = error
  return {
    name,
    message,
    ...(error instanceof GatewayError ? { gateway: fieldsOf(error) } : {}),
    ...(error instanceof MaxRetriesExceeded ? { attempts: error.attempts } : {}),
    ...(error instanceof NoPeerAvailable ? { upstream: error.upstream } : {}),
    ...(cause === undefined || depth >= MAX_DEPTH ? {} : { cause: packError(cause, depth + 1) }),
  }
}

/** Makes the error again, of the class that it had. */
export function unpackError(packed: PackedError): Error {
  const { name, message, gateway } = packed
  const cause = packed.cause === undefined ? undefined : unpackError(packed.cause)
  if (gateway === undefined) {
    const error = new Error(message, cause === undefined ? undefined : { cause })
    error.name = name
    return error
  }
  switch (name) {
    case 'MaxRetriesExceeded':
      return new MaxRetriesExceeded(packed.attempts ?? 0, cause)
    case 'NoPeerAvailable':
      return new NoPeerAvailable(packed.upstream ?? '', cause)
    case 'InvalidHeader':
      return new InvalidHeader(message)
    case 'InvalidRequest':
      return new InvalidRequest(message, { status: gateway.status, cause })
    case 'SessionClosed':
      return new SessionClosed()
    default:
      return new GatewayError(message, cause === undefined ? gateway : { ...gateway, cause })
  }
}

function fieldsOf({
  code,
  status,
  reason,
  source,
  retry,
  retryAfterS,
}: GatewayError): Omit<GatewayErrorOptions, 'cause'> {
  return { code, status, reason, source, retry, ...(retryAfterS !== 1 && { retryAfterS }) }
}
