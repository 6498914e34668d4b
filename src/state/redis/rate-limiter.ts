import { createHash } from 'node:crypto'
import type { GcraResult } from '../../memory/index.js'
import { RedisConnection, type RedisConnectionOptions, script } from './redis-connection.js'

/**
 * GCRA on one key, by the server's own clock, so that machines whose clocks differ agree. KEYS: the limit. ARGV: interval and tolerance, µs.
 * The key lives until its full allowance is there again. Returns whether one was taken, and how far ahead of its rate the key is, µs.
 */
const TAKE = script(`
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval = tonumber(ARGV[1])
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
local ahead = math.max(0, arrival - now)
if ahead + interval > tonumber(ARGV[2]) then return {0, ahead} end
ahead = ahead + interval
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead), 'PX', math.ceil(ahead / 1000) + 1)
return {1, ahead}
`)

/** Longer keys are hashed: a header that is counted by may be kilobytes long. */
const MOST_KEY_LENGTH = 128

export interface RedisRateLimiterOptions extends RedisConnectionOptions {
  /** What keys begin with. Default `headgate:rate:`. */
  readonly prefix?: string
}

/** Rate limits of many machines, in Redis: one round trip for each decision, atomic. */
export class RedisRateLimiter {
  readonly #connection: RedisConnection
  readonly #prefix: string

  constructor(options: RedisRateLimiterOptions) {
    this.#connection = new RedisConnection(options)
    this.#prefix = options.prefix ?? 'headgate:rate:'
  }

  /**
   * Takes one request from the allowance of a key, if there is one left. Parameters as of `GcraTable.take`.
   * @throws StateStoreError when there is no answer in time, or the breaker is open
   */
  async take(key: string, intervalUs: number, toleranceUs: number): Promise<GcraResult> {
    const short =
      key.length <= MOST_KEY_LENGTH ? key : createHash('sha256').update(key, 'latin1').digest('base64url')
    const answer = await this.#connection.run(
      TAKE,
      [this.#prefix + short],
      [String(Math.round(intervalUs)), String(Math.round(toleranceUs))],
    )
    const [taken, aheadUs] = answer as [number, number]
    return { allowed: taken === 1, aheadUs }
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}
