/** Words of one thread's bell: a cache line. */
const BELL_WORDS = 16

/** TypeScript has `Atomics.waitAsync` in its library of ES2024 only. */
interface AsyncAtomics {
  waitAsync?(
    words: Int32Array,
    at: number,
    value: number,
  ): { readonly async: boolean; readonly value: unknown }
}

/** How often a thread looks where the platform cannot wake it, ms. */
const LOOK_MS = 2

/** What waits for a bell. */
export interface BellListener {
  /** It rang, maybe for another. False: nothing to wait for any more. */
  onBell(): boolean
}

/**
 * Wakes threads that wait for a change in shared memory. Each has one word; whoever changes something rings those that may wait for it, and each looks
 * for itself. A thread that waits for nothing costs nothing.
 */
export class SharedBell {
  readonly #words: Int32Array
  readonly #thread: number
  readonly #threads: number
  readonly #listeners = new Set<BellListener>()
  #listening = false
  #ownSoon = false

  /** @param buffer of {@link createBells} */
  constructor(buffer: SharedArrayBuffer, thread: number) {
    this.#words = new Int32Array(buffer)
    this.#thread = thread
    this.#threads = this.#words.length / BELL_WORDS
  }

  /** Bit that stands for this thread in a mask of those who wait. Some share one where there are more than 31. */
  get bit(): number {
    return 1 << (this.#thread % 31)
  }

  /** From now on, until it says that it is done. Whoever adds one must look for the change once more afterwards. */
  add(listener: BellListener): void {
    this.#listeners.add(listener)
    if (!this.#listening) this.#listen()
  }

  remove(listener: BellListener): void {
    this.#listeners.delete(listener)
  }

  /** Rings all whose bit is in the mask. */
  ring(mask: number): void {
    if (mask === 0) return
    for (let thread = 0; thread < this.#threads; thread += 1) {
      if ((mask & (1 << (thread % 31))) === 0) continue
      if (thread === this.#thread) this.#ringOwn()
      else {
        Atomics.add(this.#words, thread * BELL_WORDS, 1)
        Atomics.notify(this.#words, thread * BELL_WORDS)
      }
    }
  }

  #ringOwn(): void {
    if (this.#ownSoon || this.#listeners.size === 0) return
    this.#ownSoon = true
    queueMicrotask(() => {
      this.#ownSoon = false
      this.#tell()
    })
  }

  #tell(): void {
    for (const listener of [...this.#listeners])
      if (this.#listeners.has(listener) && !listener.onBell()) this.#listeners.delete(listener)
  }

  #listen(): void {
    const { waitAsync } = Atomics as unknown as AsyncAtomics
    this.#listening = true
    const heard = (): void => {
      this.#listening = false
      // Listens again before it looks: what changes from here on is heard.
      if (this.#listeners.size > 0) this.#listen()
      this.#tell()
    }
    if (waitAsync === undefined) {
      setTimeout(heard, LOOK_MS)
      return
    }
    const at = this.#thread * BELL_WORDS
    const { async, value } = waitAsync(this.#words, at, Atomics.load(this.#words, at))
    if (async) void (value as Promise<unknown>).then(heard)
    else queueMicrotask(heard)
  }
}

/** Memory of the bells of so many threads. */
export function createBells(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * BELL_WORDS * 4)
}
