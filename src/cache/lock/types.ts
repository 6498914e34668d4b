/** How a lead ends: the entry can be found now; it failed, so another should try; nobody can store it. */
export type LeadOutcome = 'stored' | 'failed' | 'uncacheable'

/** Limits of coalescing. */
export interface CoalescingLimits {
  /** How long one may lead; after that a waiter takes over, and the old lead means nothing any more. Default 10,000. */
  readonly leadMs: number
  /** How long a session waits in all, over any number of leads. Default 10,000. */
  readonly waitMs: number
}

/** The right to fetch for a key, over all workers. */
export interface Lead {
  /** False: it lasted too long and somebody else leads now. */
  readonly valid: boolean
  /**
   * Ends it and wakes who waits. `stored` may be said as soon as the entry can be found by `findFilling`: waiters stream from it.
   * `failed` (also: the client left): one of those who wait leads from now on. `uncacheable`: all go their own way, and the key is remembered as such.
   * Harmless the second time.
   */
  release(outcome: LeadOutcome): void
}

/**
 * What a wait comes to. `look`: look the key up again, and join again if it is not there; `lead`: it is up to you now;
 * `alone`: cannot be cached, go to the origin without a lead; `timeout`: as `alone`, because the wait was too long.
 */
export type WaitResult =
  | { readonly kind: 'look' | 'alone' | 'timeout' }
  | { readonly kind: 'lead'; readonly lead: Lead }

/** Where a session stands that has missed. `wait` calls back once, never before `join` has returned. */
export type Joined =
  | { readonly kind: 'lead'; readonly lead: Lead }
  | { readonly kind: 'wait'; readonly cancel: () => void }
  /** Known as uncacheable, or the table is full: go to the origin without a lead. */
  | { readonly kind: 'alone'; readonly predicted: boolean }

/** The table of leads as one thread sees it. */
export interface LockTable {
  /**
   * @param onEnd what the wait comes to; not called where the answer is not `wait`, nor after `cancel`
   * @param waitedMs what the session has waited already, of `limits.waitMs`
   */
  join(key: string, limits: CoalescingLimits, onEnd: (result: WaitResult) => void, waitedMs?: number): Joined
  /** Takes the lead if nobody has it, and never waits: for a revalidation in the background. */
  tryLead(key: string, limits: CoalescingLimits): Lead | null
  /** The key turned out not to be cacheable, or to be so again. */
  remember(key: string, cacheable: boolean): void
  isUncacheable(key: string): boolean
  /** Those whose leader was this thread elect another. As `EntryStore.forget`. */
  forget(thread: number): Promise<void>
}
