import type { StoreMemory } from '../store/index.js'

/** What a keeper's thread is given: one thing to do. Plain data. */
export interface KeeperTask {
  readonly memory: StoreMemory
  /** Its number in the store. */
  readonly thread: number
  readonly clockAnchorMs: number
  readonly job: KeeperJob
}

/** Work on the whole cache: long enough to be noticed by whoever shares a thread with it. */
export type KeeperJob =
  /** Puts in order what a thread that has ended has left. */
  { readonly kind: 'forget'; readonly dead: number }
