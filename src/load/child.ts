import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** How long a process may take to end by itself. */
const END_WITHIN_MS = 1000

/** What the parent sends, and what the child sends back. */
export interface Question {
  readonly id: number
  readonly kind: string
  readonly value: unknown
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string }

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

/** The parent's half of a process that answers questions over its IPC channel. It ends with the channel. */
export class ChildProcessHandle {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1
  #gone: Error | null = null

  /** @param script absolute path of a module that calls {@link answerParent}. */
  constructor(script: string) {
    // Plans and bodies hold bytes, which JSON would not carry.
    this.#child = fork(script, [], {
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    this.#child.on('message', (message) => this.#onAnswer(message as Answer))
    this.#child.on('error', (error) => this.#fail(error))
    this.#child.on('exit', (code, signal) => {
      this.#fail(new Error(`the process ended (${signal ?? `exit code ${code}`})`))
    })
  }

  /** -1 when it could not be started. */
  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** @throws Error with the child's message when it fails, and when it ends before it answers. */
  ask(kind: string, value: unknown): Promise<unknown> {
    if (this.#gone !== null) return Promise.reject(this.#gone)
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#child.send({ id, kind, value } satisfies Question, (error) => {
        if (error !== null) this.#fail(error)
      })
    })
  }

  /** Ends the process and waits for it: by the end of its channel, and by force if it does not hear that, for example frozen. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return
    const exit = once(this.#child, 'exit')
    const force = setTimeout(() => this.#child.kill('SIGKILL'), END_WITHIN_MS)
    if (this.#child.connected) this.#child.disconnect()
    await exit
    clearTimeout(force)
  }

  #onAnswer(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.value)
  }

  #fail(error: Error): void {
    this.#gone ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }
}

/** The child's half: answers each question, and ends when the parent is gone. */
export function answerParent(
  answers: Readonly<Record<string, (value: unknown) => unknown | Promise<unknown>>>,
): void {
  process.on('message', async (question: Question) => {
    const { id, kind, value } = question
    try {
      reply({ id, value: await answers[kind]?.(value) })
    } catch (error) {
      reply({ id, error: error instanceof Error ? error.message : String(error) })
    }
  })
  process.on('disconnect', () => process.exit(0))
}

function reply(answer: Answer): void {
  if (process.connected) process.send?.(answer)
}
