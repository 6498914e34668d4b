import { connect } from 'node:net'
import { eventually } from '../support/eventually.js'
import { GatewayProcess, type TestConfig } from '../support/gateway.js'
import { SteadyLoad } from '../support/steady-load.js'

export interface UpgradeReport {
  /** What became of requests that were not answered with 200. */
  readonly failures: readonly string[]
  /** Requests on connections of their own. */
  readonly connections: number
  /** Requests on connections that are kept. */
  readonly kept: number
}

/** Connections to origins that a pool keeps for a while. */
const POOLED = 32

/**
 * One gateway after the other takes over a port, `times` times, while requests come without a pause: on connections that are kept, and each
 * on one of its own.
 */
export async function upgradeUnderLoad(config: TestConfig, times: number): Promise<UpgradeReport> {
  // Where its accounts are told.
  const admin = '127.0.0.1:0'
  let current = await GatewayProcess.start({ ...config, admin })
  const { port } = current
  const load = new SteadyLoad(port, '/', 4)
  const fresh = new FreshConnections(port, 8)
  const failures: string[] = []
  try {
    for (let i = 0; i < times; i += 1) {
      const seen = fresh.answered
      await eventually('requests are answered', () => fresh.answered > seen + 50)
      const next = await GatewayProcess.start({ ...config, admin, listen: `127.0.0.1:${port}` }, [
        '--upgrade',
      ])
      const { code } = await current.exit
      if (code !== 0) failures.push(`the old process ended with ${code}`)
      current = next
    }
    const seen = fresh.answered
    await eventually('the new process answers', () => fresh.answered > seen + 50)
    await Promise.all([load.stop(), fresh.stop()])
    await current.settle(POOLED)
  } finally {
    await Promise.all([load.stop(), fresh.stop()])
    await current.close()
  }
  return {
    failures: [...failures, ...load.unusual(), ...fresh.failures],
    connections: fresh.answered,
    kept: load.answered,
  }
}

/** Requests without a pause, each on a connection of its own: those that wait to be accepted when a listening socket is closed are lost. */
class FreshConnections {
  answered = 0
  readonly failures: string[] = []
  readonly #lanes: Promise<void>[]
  #stopped = false

  constructor(port: number, width: number) {
    const lane = async (): Promise<void> => {
      while (!this.#stopped) {
        const outcome = await once(port)
        if (outcome === '200') this.answered += 1
        else this.failures.push(outcome)
      }
    }
    this.#lanes = Array.from({ length: width }, lane)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
  }
}

/** @returns the status, or what went wrong */
function once(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    let text = ''
    socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    socket.setEncoding('latin1').on('data', (part: string) => {
      text += part
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(`own connection: ${error.code}`))
    socket.on('close', () =>
      resolve(text.endsWith('fine') ? text.slice(9, 12) : `own connection: cut off after ${text.length}`),
    )
  })
}
