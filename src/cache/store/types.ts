/** How large a store is; the same in every thread. */
export interface StorePlan {
  /** Bound of everything the store takes: index, entries, slabs. At least 1 MiB. */
  readonly sizeBytes: number
  /** Longest body of one entry. Default and upper bound: a quarter of `sizeBytes`. */
  readonly maxEntryBytes?: number
  /** Threads that use the store, each under its own number from 0 on: acceptor, workers, control. At most 255. */
  readonly threads: number
}

/** The memory of a store. Plain data: it goes to the other threads as it is. */
export interface StoreMemory {
  readonly plan: Required<StorePlan>
  /** Index, entries, pins, ghosts, statistics. */
  readonly tables: SharedArrayBuffer
  /** What entries hold. One buffer for each GiB. */
  readonly slabs: readonly SharedArrayBuffer[]
  /** Of the bells that wake threads, {@link SharedBell}. */
  readonly bells: SharedArrayBuffer
}

/**
 * What is stored about an answer beside its body. Times are ms of `now()`; what an answer does not have is 0.
 * The store looks at nothing of it but `tags`, and `freshUntilMs` when an entry is made stale by a purge.
 */
export interface EntryHead {
  /** `Age` at any time is `(now - bornMs) / 1000`, rounded down: time of the answer less its corrected initial age (RFC 9111 §4.2.3). */
  readonly bornMs: number
  readonly storedAtMs: number
  /** From here on it is stale. */
  readonly freshUntilMs: number
  /** End of the window of RFC 5861 §3. */
  readonly staleWhileRevalidateUntilMs: number
  /** End of the window of RFC 5861 §4. */
  readonly staleIfErrorUntilMs: number
  readonly lastModifiedMs: number
  readonly status: number
  /** 32 bits for the rules. The lowest is the store's: {@link FLAG_PURGED}. */
  readonly flags: number
  /** 32 bits for the rules; meant to tie the variants of a resource to the entry that names its Vary. */
  readonly vary: number
  /** Bytes that mean nothing to the store, one character per byte: header block, validators, what else the rules need. */
  readonly meta: string
}

/** Head of an entry that is made, with what only the store needs to know. */
export interface NewEntryHead extends EntryHead {
  /** Surrogate tags that it can be purged by. Kept as hashes of 64 bits. */
  readonly tags?: readonly string[]
}

/** In `flags`: a soft purge has made the entry stale; it must be revalidated before it is used as fresh. */
export const FLAG_PURGED = 1

export interface FillOptions {
  /** Length of the body where it is known; null or absent: it is not. */
  readonly lengthBytes?: number | null
  /** When the answer was asked for, ms of `now()`: what was asked for before a purge of its key is not stored after it. */
  readonly requestedAtMs?: number
}

/**
 * `filling`: a writer adds to it; `complete`: whole; `aborted`: its body has broken off, and nobody may take it as whole; `dropped`: the store takes no more of it (too
 * large, no room, purged), so it will not be whole here, but nothing is wrong with the answer that it is from.
 */
export type EntryState = 'filling' | 'complete' | 'aborted' | 'dropped'

/**
 * An entry that a reader holds: until it is released neither its body nor its place is used for anything else, also when it is evicted,
 * purged or replaced meanwhile. Never leave one unreleased.
 */
export interface StoredEntry {
  readonly key: string
  readonly state: EntryState
  /** Bytes of body that can be read now. */
  readonly bodyBytes: number
  /** Length of the whole body; null while it is being made and was not announced. */
  readonly totalBytes: number | null
  /**
   * Head as one consistent copy. The same object as long as nothing changes in it.
   * @returns null in the one case that another thread keeps on changing it: treat the entry as missing
   */
  head(): EntryHead | null
  /**
   * The piece of the body that begins at `offset`, as long as it lies in one slab (up to 64 KiB), at most `maxBytes`. A view of shared memory
   * that holds until `release`: it may be given to whoever copies it at once.
   * @returns null where there is nothing (yet)
   */
  read(offset: number, maxBytes?: number): Uint8Array | null
  /**
   * The whole body where it lies in one piece. A view like that of `read`; the same object from one request to the next.
   * @returns null where it does not, or is still being made
   */
  whole(): Uint8Array | null
  /**
   * Calls back, once and never before it returns, when more than `offset` bytes of body are there or the state is not `filling` any more.
   * @returns takes the wish back
   */
  whenMore(offset: number, callback: () => void): () => void
  /** Counts a use for the eviction. `find` does not. */
  touch(): void
  /** Harmless the second time. */
  release(): void
  /** After `release`: holds it again. @returns false: it is not what `find` gives for its key any more */
  hold(): boolean
}

/** The one who makes an entry. Ends in `complete` or `abort`; what a dead worker leaves is aborted for it. */
export interface EntryWriter {
  /** Bytes appended so far. */
  readonly bodyBytes: number
  /**
   * Copies a piece to the end of the body; readers see it at once.
   * @returns false: it is too large, there is no room, or it was purged meanwhile: the entry is dropped, what follows is not stored
   */
  append(chunk: Uint8Array): boolean
  /** It is whole: from now on `find` gives it, in the place of an older one. @returns false when it was aborted before, is not as long as announced, or is dropped now */
  complete(): boolean
  /** Harmless after the end. */
  abort(): void
  /** A reader of the same entry, for the client of the one who fills it. */
  reader(): StoredEntry | null
}

/** An entry as it can be kept elsewhere, beside its body. */
export interface KeptEntry {
  readonly key: string
  readonly head: EntryHead
  /** What stands for its tags. */
  readonly tagBytes: string
  /** It was asked for again: it need not be on probation any more. */
  readonly isMain: boolean
}

/** `soft`: stale from now on, its windows of stale use stay; `hard`: gone. */
export type PurgeMode = 'soft' | 'hard'

/** Sums over all threads. */
export interface StoreStats {
  readonly sizeBytes: number
  /** Taken by entries, in whole blocks. */
  readonly usedBytes: number
  /** Entries that `find` can give. */
  readonly entries: number
  readonly filling: number
  /** Removed or replaced, but still being read. */
  readonly lingering: number
  readonly hits: number
  readonly misses: number
  readonly stored: number
  readonly aborted: number
  readonly evictions: number
  readonly purged: number
  /** Fills that were turned down: too large, no room. */
  readonly refused: number
  /** Recoveries from a thread that died while it changed the index. */
  readonly rebuilds: number
}

/** The store as one thread sees it. */
export interface EntryStore {
  readonly maxEntryBytes: number
  /**
   * The complete entry under a key, held for the caller. Takes no lock.
   * @param key full key, one character per byte, compared in full; at most 32 KiB
   */
  find(key: string): StoredEntry | null
  /** The entry under a key that is being made at the moment, by whichever thread; null also if it was purged since it was begun. */
  findFilling(key: string): StoredEntry | null
  /**
   * Begins an entry. An older one under the same key stays until the new one is complete.
   * @returns null: it cannot be stored (too large, no room, purged since it was asked for, another thread holds the index for too long)
   */
  begin(key: string, head: NewEntryHead, options?: FillOptions): EntryWriter | null
  /** Begins and completes: for answers without a body, and for whole ones. @returns whether it is stored */
  put(key: string, head: NewEntryHead, body: Uint8Array | null): boolean
  /** Gives an entry another head (304, HEAD: RFC 9111 §4.3.4, §4.3.5); its body stays. @returns false: it is gone, or there is no room */
  refresh(entry: StoredEntry, head: EntryHead): boolean
  /** Removes the entry under a key, or makes it stale. @returns entries that it concerned */
  purge(key: string, mode: PurgeMode): number
  /** The same for all whose key begins with `prefix`; looks at every entry, so best called in the control thread. */
  purgePrefix(prefix: string, mode: PurgeMode): number
  /** The same for all that have the tag. */
  purgeTag(tag: string, mode: PurgeMode): number
  stats(): StoreStats
  /**
   * Has a thread that has ended done so while it changed the index? Then `forget` takes long (half a millisecond for each MiB in use), and is not for a
   * thread that others wait for. From here on nobody waits for a change any more, until it is done.
   */
  diedAmidst(thread: number): boolean
  /**
   * A thread has ended: its fills are aborted, what it read is released, and if it died while it changed the index, the index is made anew. To be called
   * once the other has really stopped, and before its number is given again; by that number itself too, before it does anything else.
   */
  forget(thread: number): Promise<void>
}
