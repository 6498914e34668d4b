/** Words that all workers share about one upstream: what bounds it, and what that has come to. */
export const GUARD = {
  /** Thousandths of a retry that may be made; negative while more were made than earned. */
  tokens: 0,
  /** Second and count of the retries made in it, see RetryBudget. */
  reserve: 1,
  /** 0: closed. Positive: open until this tick. Negative: worker `-1 - value` has the one probe under way. */
  breaker: 2,
  /** Probes in a row that have passed. */
  probesPassed: 3,
  /** Slice of time from which on failures count. */
  since: 4,
  retryOverflow: 5,
  limitRejected: 6,
  breakerRejected: 7,
  breakerOpened: 8,
  breakerClosed: 9,
  /** Of an adaptive limit, thousandths of a session; 0: not begun. */
  limit: 10,
  /** Latency of answers that have not waited, microseconds. */
  normalUs: 11,
  /** Tick at which the limit may move again. */
  windowEnd: 12,
} as const

/** A cache line for each upstream. */
export const GUARD_WORDS = 16

/** Slices that the window of a breaker has. */
export const SLICES = 10

/** Words of one worker about one upstream: only this worker writes them while it lives. */
export const SHARE = {
  /** Sessions at the upstream. */
  active: 0,
  /** Sessions that wait for a place. */
  pending: 1,
  /** Triples for each slice of the window: its number, attempts, failures. */
  slices: 2,
} as const

export const SHARE_WORDS = SHARE.slices + 3 * SLICES

/** Where the words of one upstream are, as one worker uses them. */
export interface GuardMemory {
  readonly words: Int32Array
  /** First of the common words. */
  readonly at: number
  /** First word of worker 0's share, and the distance to the next worker's. */
  readonly shares: number
  readonly shareStride: number
  readonly workers: number
  readonly worker: number
  /** Time at which the gateway's ticks began, ms of `now()`. */
  readonly epochMs: number
}

/** Sum of one word over the shares of all workers. */
export function sumOfShares({ words, shares, shareStride, workers }: GuardMemory, word: number): number {
  let sum = 0
  for (let worker = 0; worker < workers; worker += 1)
    sum += Atomics.load(words, shares + worker * shareStride + word)
  return sum
}
