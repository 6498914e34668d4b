import { Worker } from 'node:worker_threads'
import type { LoadOptions } from '../config/load.js'
import type { GatewayConfig } from '../config/types.js'

/** A configuration that can be used, its warnings beside it; or null, and what is wrong. */
export interface LoadOutcome {
  readonly config: GatewayConfig | null
  /** As text, with place and hint. */
  readonly problems: readonly string[]
}

/** How long reading may take: a module of the user may never return. */
const TIMEOUT_MS = 20_000

/**
 * Reads the configuration and loads the filters that it names in a thread of its own: the acceptor's thread has clients to serve, modules are fresh, and
 * what they leave behind goes with the thread. Never rejects.
 */
export function loadInThread(options: Pick<LoadOptions, 'file' | 'overrides'>): Promise<LoadOutcome> {
  return new Promise((resolve) => {
    const thread = new Worker(new URL('./load-thread.js', import.meta.url), {
      workerData: options,
      execArgv: [],
    })
    const done = (outcome: LoadOutcome): void => {
      clearTimeout(timer)
      resolve(outcome)
      void thread.terminate()
    }
    const failed = (message: string): void => done({ config: null, problems: [message] })
    const timer = setTimeout(
      () => failed(`reading the configuration has not ended within ${TIMEOUT_MS / 1000} s`),
      TIMEOUT_MS,
    )
    thread.once('message', done)
    thread.once('error', (error) => failed(error.message))
    thread.once('exit', () => failed('a module of the configuration has ended the thread that read it'))
  })
}
