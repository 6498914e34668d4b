import { type HttpOutcome, keepAliveAgent, send } from './http-client.js'

/** Requests that go on and on beside whatever a test does. */
export class SteadyLoad {
  readonly outcomes: HttpOutcome[] = []
  readonly #lanes: Promise<void>[]
  readonly #agent
  #stopped = false

  /** @param width requests under way at any time */
  constructor(port: number, path: string, width: number) {
    this.#agent = keepAliveAgent(width)
    const lane = async (): Promise<void> => {
      while (!this.#stopped) this.outcomes.push(await send(port, path, { agent: this.#agent }))
    }
    this.#lanes = Array.from({ length: width }, lane)
  }

  get answered(): number {
    return this.outcomes.length
  }

  /** Outcomes other than `200`, as text. */
  unusual(): string[] {
    return this.outcomes
      .filter((outcome) => outcome.kind !== 'answer' || outcome.status !== 200)
      .map((outcome) =>
        outcome.kind === 'answer'
          ? `${outcome.status} ${outcome.headers['proxy-status'] ?? ''}`
          : `broken off after ${outcome.status}: ${outcome.code}`,
      )
  }

  /** Resolves when every request has its outcome. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#lanes)
    this.#agent.destroy()
  }
}
