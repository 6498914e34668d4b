import { connect, isIP, type LookupFunction, type NetConnectOpts, type Socket } from 'node:net'
import {
  type ConnectionOptions,
  checkServerIdentity,
  type SecureContext,
  connect as tlsConnect,
} from 'node:tls'
import { ATTEMPT_MS } from './dial.js'
import { secureContextFor } from './secure-contexts.js'
import type { ConnectTarget } from './types.js'

/** Reads into `buffer` and calls `callback` with the number of bytes, instead of emitting `data`. */
export interface ReadInto {
  readonly buffer: Buffer
  readonly callback: (size: number) => boolean
}

/** What connections to one target share, so that it is made once: keys parsed, sessions resumed. */
export interface TlsMemory {
  context: SecureContext | null
  session: Buffer | null
}

const EVERY_ADDRESS = { autoSelectFamily: true, autoSelectFamilyAttemptTimeout: ATTEMPT_MS }

/**
 * Opens a socket to a target; nothing has happened yet when it returns. Ready at `secureConnect` with TLS, at
 * `connect` without.
 * @param readInto null for a socket that emits `data` as usual
 */
export function openSocket(
  target: ConnectTarget,
  readInto: ReadInto | null,
  lookup: LookupFunction | undefined,
  memory: TlsMemory,
): Socket {
  const onread = readInto === null ? {} : { onread: readInto }
  // What is handed over after an upgrade may go on in one direction when the other has ended.
  const allowHalfOpen = readInto === null
  const address =
    target.socketPath === undefined
      ? {
          host: target.host,
          port: target.port,
          ...(lookup === undefined ? {} : { lookup, ...EVERY_ADDRESS }),
        }
      : { path: target.socketPath }
  if (target.tls === undefined)
    return connect({ ...address, noDelay: true, allowHalfOpen, ...onread } as NetConnectOpts)
  const tls = target.tls
  memory.context ??= secureContextFor(tls)
  const options: ConnectionOptions & { allowHalfOpen: boolean } = {
    ...address,
    ...onread,
    allowHalfOpen,
    secureContext: memory.context,
    ALPNProtocols: ['http/1.1'],
    rejectUnauthorized: tls.verify,
    // RFC 6066 §3: no addresses in SNI. The name is checked by ourselves, for the peer may be dialled by address.
    ...(isIP(tls.servername) === 0 ? { servername: tls.servername } : {}),
    checkServerIdentity: (_, certificate) => checkServerIdentity(tls.servername, certificate),
    ...(memory.session === null ? {} : { session: memory.session }),
  }
  const socket = tlsConnect(options)
  socket.setNoDelay(true)
  socket.on('session', (session: Buffer) => {
    memory.session = session
  })
  return socket
}
