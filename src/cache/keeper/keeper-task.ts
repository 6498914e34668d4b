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
  | { readonly kind: 'forget'; readonly dead: number }
  /** Writes a snapshot. */
  | ({ readonly kind: 'save' } & SnapshotPlace)
  /** Takes what a snapshot holds. */
  | ({ readonly kind: 'load' } & SnapshotPlace)

export interface SnapshotPlace {
  readonly file: string
  /** Says under what the answers were stored: those of a snapshot with another one are not taken. */
  readonly mark: string
}

export interface Saved {
  readonly entries: number
  readonly bytes: number
}

/** What became of a snapshot. `other`: it has another mark. `damaged`: it was moved aside; what came before the damage was taken. */
export type Loaded =
  | { readonly kind: 'none' | 'other' }
  | {
      readonly kind: 'taken'
      readonly entries: number
      /** Too old, or no room. */
      readonly skipped: number
    }
  | { readonly kind: 'damaged'; readonly why: string; readonly movedTo: string; readonly entries: number }
