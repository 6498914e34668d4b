export { CacheKeeper } from './cache-keeper.js'
