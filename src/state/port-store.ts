import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type {
  BudgetCheck,
  BudgetUse,
  CapCheck,
  CapUse,
  CommitOptions,
  CommitStatus,
  Decision,
  ReleaseStatus,
  ReserveOptions,
  ReserveResult,
  StateStore,
} from './state-store.js'
import { StateStoreError, type StateStoreFailure } from './state-store-error.js'

/** Methods of a store that cross a port. */
const METHODS = [
  'reserve',
  'commit',
  'release',
  'shorten',
  'capUse',
  'budgetUse',
  'setLimit',
  'expire',
  'healthCheck',
] as const

type Method = (typeof METHODS)[number]

interface Question {
  readonly seq: number
  readonly method: Method
  readonly args: readonly unknown[]
}

type Answer =
  | { readonly seq: number; readonly value: unknown }
  | { readonly seq: number; readonly failure: StateStoreFailure | null; readonly message: string }

/**
 * Answers a {@link PortStore} at the other end of a port. The store itself lives in this thread, which nobody may terminate: a thread
 * that ends within a transaction of LMDB keeps its lock for ever.
 */
export function serveStore(store: StateStore, port: MessagePort): void {
  port.on('message', (question: Question) => {
    void answer(store, question).then((reply) => port.postMessage(reply))
  })
}

async function answer(store: StateStore, { seq, method, args }: Question): Promise<Answer> {
  try {
    const ask = store[method] as (...args: unknown[]) => Promise<unknown>
    return { seq, value: await ask.apply(store, [...args]) }
  } catch (error) {
    const failure = error instanceof StateStoreError ? error.failure : null
    return { seq, failure, message: error instanceof Error ? error.message : String(error) }
  }
}

interface Pending {
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Brings the port to a thread that serves the store from now on. */
export interface PortMessage {
  readonly port: MessagePort
}

/** What the store at the other end is. */
export type PortStoreOptions = Pick<StateStore, 'name' | 'hashTags'>

/**
 * A store that lives in another thread ({@link serveStore}). May be terminated at any moment: what was asked is then still decided as a whole. When
 * the other thread ends, what waits for it fails as `unavailable`, and so does all else until a successor is there.
 */
export class PortStore implements StateStore {
  readonly name: string
  readonly hashTags: boolean
  readonly #pending = new Map<number, Pending>()
  #port: MessagePort | null = null
  #successors: MessagePort | null = null
  #seq = 0
  #closed = false

  /** @param port null: nobody is there yet, see {@link PortStore.following} */
  constructor(port: MessagePort | null, { name, hashTags }: PortStoreOptions) {
    this.name = name
    this.hashTags = hashTags
    if (port !== null) this.#use(port)
  }

  /** A store whose thread may be replaced. @param ports brings the port to each thread, as {@link PortMessage}s; the first may be there already */
  static following(ports: MessagePort, options: PortStoreOptions): PortStore {
    const store = new PortStore(null, options)
    store.#successors = ports
    const first = receiveMessageOnPort(ports)
    if (first !== undefined) store.#use((first.message as PortMessage).port)
    ports.on('message', ({ port }: PortMessage) => store.#use(port))
    ports.unref()
    return store
  }

  reserve(decision: Decision, options: ReserveOptions): Promise<ReserveResult> {
    return this.#ask('reserve', [decision, options])
  }

  commit(decision: Decision, options: CommitOptions): Promise<CommitStatus> {
    return this.#ask('commit', [decision, options])
  }

  release(decision: Decision): Promise<ReleaseStatus> {
    return this.#ask('release', [decision])
  }

  shorten(decision: Decision, holdMs: number): Promise<void> {
    return this.#ask('shorten', [decision, holdMs])
  }

  capUse(caps: readonly CapCheck[]): Promise<readonly CapUse[]> {
    return this.#ask('capUse', [caps])
  }

  budgetUse(budgets: readonly BudgetCheck[]): Promise<readonly BudgetUse[]> {
    return this.#ask('budgetUse', [budgets])
  }

  setLimit(limitKey: string, limit: string | null): Promise<void> {
    return this.#ask('setLimit', [limitKey, limit])
  }

  expire(): Promise<number> {
    return this.#ask('expire', [])
  }

  async healthCheck(): Promise<boolean> {
    try {
      return await this.#ask<boolean>('healthCheck', [])
    } catch {
      return false
    }
  }

  /** Waits for what was asked, then closes the port; the store stays its owner's. */
  async close(): Promise<void> {
    if (this.#closed) return
    const due = [...this.#pending.values()].length === 0 ? null : this.#ask('healthCheck', [])
    this.#closed = true
    await due?.catch(() => undefined)
    this.#port?.close()
    this.#successors?.close()
  }

  #use(port: MessagePort): void {
    if (this.#closed) {
      port.close()
      return
    }
    this.#lose()
    this.#port = port
    port.on('message', (reply: Answer) => this.#onAnswer(reply))
    port.on('close', () => {
      if (this.#port === port) this.#lose()
    })
    port.unref()
  }

  #ask<T>(method: Method, args: readonly unknown[]): Promise<T> {
    if (this.#closed)
      return Promise.reject(new StateStoreError(this.name, 'closed', 'the port to the store is closed'))
    const port = this.#port
    if (port === null) return Promise.reject(this.#gone())
    this.#seq += 1
    const question: Question = { seq: this.#seq, method, args }
    return new Promise<T>((resolve, reject) => {
      this.#pending.set(question.seq, { resolve: (value) => resolve(value as T), reject })
      // A thread with nothing else to do waits for its answers.
      port.ref()
      port.postMessage(question)
    })
  }

  #onAnswer(reply: Answer): void {
    const pending = this.#pending.get(reply.seq)
    this.#pending.delete(reply.seq)
    if (this.#pending.size === 0) this.#port?.unref()
    if ('value' in reply) pending?.resolve(reply.value)
    else if (reply.failure === null) pending?.reject(new TypeError(reply.message))
    else pending?.reject(new StateStoreError(this.name, reply.failure, reply.message))
  }

  #lose(): void {
    this.#port = null
    for (const { reject } of this.#pending.values()) reject(this.#gone())
    this.#pending.clear()
  }

  #gone(): StateStoreError {
    return new StateStoreError(this.name, 'unavailable', 'the thread of the store is gone')
  }
}
