interface Entry<T> {
  readonly atMs: number
  readonly value: T
}

/** What is due first comes first: a binary heap. */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = []

  get size(): number {
    return this.#heap.length
  }

  add(atMs: number, value: T): void {
    const heap = this.#heap
    const entry = { atMs, value }
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex]
      if (parent === undefined || parent.atMs <= atMs) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = entry
  }

  /** Takes what is due at `nowMs`, at most `max`. */
  take(nowMs: number, max: number): T[] {
    const due: T[] = []
    while (due.length < max) {
      const first = this.#heap[0]
      if (first === undefined || first.atMs > nowMs) break
      due.push(first.value)
      this.#removeFirst()
    }
    return due
  }

  #removeFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      const left = 2 * index + 1
      const right = left + 1
      const child = (heap[right]?.atMs ?? Infinity) < (heap[left]?.atMs ?? Infinity) ? right : left
      const entry = heap[child]
      if (entry === undefined || entry.atMs >= last.atMs) break
      heap[index] = entry
      index = child
    }
    heap[index] = last
  }
}
