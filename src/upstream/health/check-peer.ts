import { connect } from 'node:net'
import type { HealthCheckConfig } from '../../config/types-upstream.js'
import type { ConnectTarget, Http1Connector } from '../http1/index.js'

/** Checks a peer once. @param done is called once, later: null when all is well, else what was wrong. @returns cancels it */
export type CheckPeer = (
  target: ConnectTarget,
  config: HealthCheckConfig,
  done: (failure: string | null) => void,
) => () => void

/** The real check. @param connector keeps no connections: whether a new one can be made is what a check is about */
export function peerChecker(connector: Pick<Http1Connector, 'request'>): CheckPeer {
  return (target, config, done) => {
    let stop: () => void = () => undefined
    let over = false
    const finish = (failure: string | null): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      stop()
      done(failure)
    }
    const timer = setTimeout(() => finish(`no answer within ${config.timeoutMs} ms`), config.timeoutMs)
    stop = config.check.kind === 'tcp' ? tcp(target, finish) : http(target, config, connector, finish)
    return () => {
      over = true
      clearTimeout(timer)
      stop()
    }
  }
}

function tcp(target: ConnectTarget, finish: (failure: string | null) => void): () => void {
  const { socketPath, host, port } = target
  const socket = connect(socketPath === undefined ? { host, port } : { path: socketPath })
  socket.once('connect', () => finish(null))
  socket.on('error', (error) => finish(error.message))
  return () => void socket.destroy()
}

function http(
  target: ConnectTarget,
  { check, timeoutMs }: HealthCheckConfig,
  connector: Pick<Http1Connector, 'request'>,
  finish: (failure: string | null) => void,
): () => void {
  if (check.kind !== 'http') return () => undefined
  const host = check.host ?? hostOf(target)
  const exchange = connector.request(
    target,
    {
      method: 'GET',
      target: check.path,
      headerBlock: `host: ${host}\r\nuser-agent: headgate-health\r\naccept: */*\r\n`,
      body: { kind: 'none' },
      fresh: true,
    },
    {
      onConnected() {},
      onRequestSent() {},
      onDrain() {},
      onBody() {},
      onHead({ status }) {
        const isExpected = check.expectedStatus.some(([from, to]) => status >= from && status <= to)
        finish(isExpected ? null : `status ${status}`)
      },
      onEnd: () => finish('no answer'),
      onError: (error) => finish(error.message),
    },
    { connectMs: timeoutMs, headersMs: timeoutMs, idleMs: timeoutMs },
  )
  return () => exchange.abort()
}

function hostOf({ name: resolved, host: address, port, tls }: ConnectTarget): string {
  const host = resolved ?? address
  const name = host.includes(':') ? `[${host}]` : host
  return port === 0 || port === (tls === undefined ? 80 : 443) ? name : `${name}:${port}`
}
