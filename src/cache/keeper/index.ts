export { CacheKeeper } from './cache-keeper.js'
export type { Loaded, Saved, SnapshotPlace } from './keeper-task.js'
