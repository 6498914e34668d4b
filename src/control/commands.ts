import type { AdminCommand, CommandResult, ControlMessage } from './control-task.js'

/** The control thread's half of commands: asks the main thread, and remembers who waits for the answer. */
export class Commands {
  readonly #tell: (message: ControlMessage) => void
  readonly #waiting = new Map<number, (result: CommandResult) => void>()
  #id = 0

  constructor(tell: (message: ControlMessage) => void) {
    this.#tell = tell
  }

  run(command: AdminCommand): Promise<CommandResult> {
    this.#id += 1
    const id = this.#id
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#tell({ type: 'command', id, command })
    })
  }

  onResult(id: number, result: CommandResult): void {
    this.#waiting.get(id)?.(result)
    this.#waiting.delete(id)
  }
}
