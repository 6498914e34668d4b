import type { AdminCommand, Commander, CommandResult } from './admin-command.js'

/** The control thread's end: sends commands to the main thread and matches the results. */
export class RemoteCommander implements Commander {
  readonly #send: (id: number, command: AdminCommand) => void
  readonly #waiting = new Map<number, (result: CommandResult) => void>()
  #lastId = 0

  constructor(send: (id: number, command: AdminCommand) => void) {
    this.#send = send
  }

  ask(command: AdminCommand): Promise<CommandResult> {
    this.#lastId += 1
    const id = this.#lastId
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#send(id, command)
    })
  }

  onResult(id: number, result: CommandResult): void {
    this.#waiting.get(id)?.(result)
    this.#waiting.delete(id)
  }
}
