import { createStoreMemory, type NewEntryHead, SharedStore } from '#src/cache/store/index.js'

export const HEAD: NewEntryHead = {
  bornMs: 1000,
  storedAtMs: 2000,
  freshUntilMs: 3000,
  staleWhileRevalidateUntilMs: 4000,
  staleIfErrorUntilMs: 5000,
  lastModifiedMs: 6000,
  status: 200,
  flags: 0,
  vary: 0,
  meta: '',
}

/** Stores of `threads` threads over one memory, all in this thread. */
export function openStores(sizeBytes: number, threads = 3): [SharedStore, SharedStore, SharedStore] {
  const memory = createStoreMemory({ sizeBytes, threads })
  return [new SharedStore(memory, 0), new SharedStore(memory, 1), new SharedStore(memory, 2)]
}

/** Whole body of an entry, and the entry is let go of. Null: there is none. */
export function take(store: SharedStore, key: string): string | null {
  const entry = store.find(key)
  if (entry === null) return null
  const pieces: Buffer[] = []
  for (let at = 0; at < entry.bodyBytes; ) {
    const piece = entry.read(at)
    if (piece === null) throw new Error('a body with a hole')
    pieces.push(Buffer.from(piece))
    at += piece.length
  }
  entry.release()
  return Buffer.concat(pieces).toString('latin1')
}

export function put(
  store: SharedStore,
  key: string,
  body: string,
  head: Partial<NewEntryHead> = {},
): boolean {
  return store.put(key, { ...HEAD, ...head }, Buffer.from(body, 'latin1'))
}
