import type { Control, ControlTask } from '../control/index.js'
import type { Logger } from '../logging/index.js'

/** Where the control thread is kept: there from the start, or from the first configuration on that has something for it to do. */
export class ControlSeat {
  readonly #start: (task: ControlTask) => Promise<Control>
  readonly #task: () => ControlTask
  readonly #logger: Logger
  #control: Control | null = null
  #starting: Promise<void> | null = null
  #isClosed = false

  /** @param task of the configuration that is in use */
  constructor(start: (task: ControlTask) => Promise<Control>, task: () => ControlTask, logger: Logger) {
    this.#start = start
    this.#task = task
    this.#logger = logger
  }

  /** Null while there is none. */
  get current(): Control | null {
    return this.#control
  }

  /** @throws as `startControl` */
  async open(): Promise<void> {
    this.#control = await this.#start(this.#task())
  }

  /** Another configuration is in use. @param isWanted it has something to do for a control thread */
  refresh(isWanted: boolean): void {
    if (this.#control !== null) this.#control.use(this.#task())
    else if (isWanted && this.#starting === null && !this.#isClosed) this.#starting = this.#openLate()
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.#starting
    await this.#control?.close()
  }

  async #openLate(): Promise<void> {
    try {
      const control = await this.#start(this.#task())
      this.#control = control
      // There may have been another configuration meanwhile.
      if (!this.#isClosed) control.use(this.#task())
    } catch (error) {
      this.#logger.error({ err: error }, 'the control thread could not be started: no checks, no names')
    } finally {
      this.#starting = null
    }
  }
}
