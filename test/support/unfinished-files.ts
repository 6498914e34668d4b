import type { Reporter, TestModule } from 'vitest/node'

/** Names the files whose process ended before they did: the runner says that one did, and not which. Their tests may all have passed by then. */
export default class UnfinishedFiles implements Reporter {
  readonly #running = new Set<string>()

  onTestModuleStart(module: TestModule): void {
    this.#running.add(module.moduleId)
  }

  onTestModuleEnd(module: TestModule): void {
    this.#running.delete(module.moduleId)
  }

  onTestRunEnd(): void {
    for (const file of this.#running) console.error(`${file} was not finished: its process ended before`)
  }
}
