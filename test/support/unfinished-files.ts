import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Reporter, TestModule } from 'vitest/node'

/**
 * Names the files whose process ended before they did, and how: the runner says that one did, and not which. Their tests may all have passed by then.
 */
export default class UnfinishedFiles implements Reporter {
  readonly #running = new Set<string>()
  /** Of processes that ended otherwise than the runner ends them. */
  readonly #ends: string[] = []

  onInit(): void {
    subscribe('child_process', (message) => {
      const { process: child } = message as { readonly process: ChildProcess }
      child.once('exit', (code, signal) => {
        if (signal !== 'SIGTERM' && code !== 0) this.#ends.push(signal ?? `code ${code}`)
      })
    })
  }

  onTestModuleStart(module: TestModule): void {
    this.#running.add(module.moduleId)
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.moduleId)
  }

  onTestRunEnd(): void {
    for (const file of this.#running)
      console.error(
        `${file} was not finished: its process ended before (${this.#ends.join(', ') || 'by itself'})`,
      )
  }
}
