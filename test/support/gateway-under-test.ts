import pino from 'pino'
import { loadConfig } from '#src/config/index.js'
import { type ObservableGateway, startGateway } from '#src/supervisor/index.js'
import type { AcceptorKind } from './acceptor-under-test.js'
import { imbalance } from './conservation.js'
import { RawClient } from './raw-client.js'
import type { SeenRequest } from './seen-request.js'
import { FENCE_PATH, StrictOrigin } from './strict-origin.js'
import type { Subject } from './subject.js'
import { turns } from './turns.js'

/** The whole gateway, acceptor, mailboxes, one worker and connector, in front of the strict origin. */
export class GatewayUnderTest implements Subject {
  readonly kind: string
  readonly origin: StrictOrigin
  readonly #gateway: ObservableGateway

  private constructor(kind: AcceptorKind, gateway: ObservableGateway, origin: StrictOrigin) {
    this.kind = `gateway-${kind}`
    this.#gateway = gateway
    this.origin = origin
  }

  static async start(kind: AcceptorKind): Promise<GatewayUnderTest> {
    const origin = await StrictOrigin.start()
    const { config } = await loadConfig({
      file: null,
      overrides: {
        listen: '127.0.0.1:0',
        admin: 'off',
        // One worker keeps the order of sessions, which the fence relies on.
        workers: '1',
        acceptor: kind,
        logLevel: 'silent',
        upstream: [`http://127.0.0.1:${origin.port}`],
      },
    })
    const gateway = await startGateway(config, { logger: pino({ level: 'silent' }) })
    return new GatewayUnderTest(kind, gateway, origin)
  }

  get port(): number {
    return this.#gateway.listen.port
  }

  get seen(): readonly SeenRequest[] {
    return this.origin.seen
  }

  problems(): string[] {
    return this.origin.problems.slice()
  }

  reset(): void {
    this.origin.reset()
  }

  /** A request of our own goes all the way behind whatever was sent before, and its answer comes back. */
  async settle(): Promise<void> {
    await turns()
    const client = await RawClient.connect(this.port)
    await client.send(`GET ${FENCE_PATH} HTTP/1.1\r\nHost: fence\r\nConnection: close\r\n\r\n`)
    await client.untilClosed()
    await client.destroy()
    await turns()
  }

  async until(test: () => boolean, timeoutMs = 5_000): Promise<boolean> {
    if (test()) return true
    return await new Promise<boolean>((resolve) => {
      const finish = (result: boolean): void => {
        stop()
        clearTimeout(timer)
        resolve(result)
      }
      const stop = this.origin.listen(() => {
        if (test()) finish(true)
      })
      const timer = setTimeout(() => finish(false), timeoutMs)
    })
  }

  async close(): Promise<void> {
    await this.#gateway.close()
    await this.origin.close()
    // C16, whatever was sent.
    const wrong = imbalance(this.#gateway.stats())
    if (wrong !== null) throw new Error(`C16: ${wrong}`)
  }
}
