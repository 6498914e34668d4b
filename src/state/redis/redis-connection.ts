import { createHash } from 'node:crypto'
import { createClient, createCluster } from '@redis/client'
import { type Deadline, DeadlineWheel } from '../../time/index.js'
import { StateStoreError } from '../state-store-error.js'
import { Breaker, type BreakerOptions } from './breaker.js'

export interface RedisConnectionOptions {
  /** `redis://[user:password@]host:port[/database]`, `rediss://` for TLS. Default `redis://127.0.0.1:6379`. */
  readonly url?: string
  /** Nodes of a cluster, as URLs; the others are found through them. Instead of `url`. */
  readonly cluster?: readonly string[]
  /** Longest wait for an answer, ms. Default 250. */
  readonly timeoutMs?: number
  /** Longest wait for a connection, ms. Default 1000. */
  readonly connectTimeoutMs?: number
  readonly breaker?: BreakerOptions
  /** Connection errors, for the log. Default: dropped, since every failed decision says the same. */
  readonly onError?: (error: Error) => void
}

const DEFAULT_URL = 'redis://127.0.0.1:6379'
const DEFAULT_TIMEOUT_MS = 250
const DEFAULT_CONNECT_TIMEOUT_MS = 1000
const MAX_RECONNECT_WAIT_MS = 1000
const TIMEOUT_TICK_MS = 10

/** Commands that wait for an answer of one connection; more are refused. */
const MAX_WAITING = 10_000

export interface Script {
  readonly text: string
  readonly sha: string
}

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** What a single server's client and a cluster's have in common, as far as it is used here. */
interface Client {
  readonly isOpen: boolean
  connect(): Promise<unknown>
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(text: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  get(key: string): Promise<unknown>
  set(key: string, value: string, options: { expiration: { type: 'PX'; value: number } }): Promise<unknown>
  del(key: string): Promise<unknown>
  close(): Promise<void>
  destroy(): void
  on(event: 'error', listener: (error: Error) => void): unknown
}

/**
 * One connection (or one per cluster node) on which scripts run. Nothing queues while it is down: a call fails at once, and after some
 * failures the breaker keeps calls away altogether.
 */
export class RedisConnection {
  readonly clustered: boolean
  readonly #client: Client
  readonly #breaker: Breaker
  readonly #timeoutMs: number
  readonly #wheel = new DeadlineWheel({ tickMs: TIMEOUT_TICK_MS })
  #connecting: Promise<void> | null = null
  #isConnected = false
  #closed: Promise<void> | null = null

  constructor(options: RedisConnectionOptions) {
    this.clustered = options.cluster !== undefined
    this.#client = options.cluster === undefined ? single(options) : clustered(options, options.cluster)
    this.#client.on('error', options.onError ?? (() => undefined))
    this.#breaker = new Breaker(options.breaker)
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS
  }

  /** Runs a script: one round trip, but the first time on each server, which does not know it yet. */
  run(script: Script, keys: string[], args: string[]): Promise<unknown> {
    return this.#guarded(() => this.#evaluate(script, { keys, arguments: args }))
  }

  setText(key: string, text: string | null, ttlMs: number): Promise<unknown> {
    return this.#guarded(() =>
      text === null
        ? this.#client.del(key)
        : this.#client.set(key, text, { expiration: { type: 'PX', value: ttlMs } }),
    )
  }

  async healthCheck(): Promise<boolean> {
    try {
      await this.#guarded(() => this.#client.get('health'))
      return true
    } catch {
      return false
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  /** Waits for answers that are due, but no longer than for any answer. */
  async #close(): Promise<void> {
    const connected = this.#isConnected
    let timer: NodeJS.Timeout | undefined
    try {
      if (connected) {
        const patience = new Promise((resolve) => {
          timer = setTimeout(resolve, this.#timeoutMs)
        })
        await Promise.race([this.#client.close(), patience])
      }
    } catch {
      // It is gone already, which is all that was wanted.
    } finally {
      clearTimeout(timer)
      this.#wheel.close()
      if (this.#client.isOpen) this.#client.destroy()
    }
  }

  async #evaluate({ sha, text }: Script, options: { keys: string[]; arguments: string[] }): Promise<unknown> {
    try {
      return await this.#client.evalSha(sha, options)
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
      return this.#client.eval(text, options)
    }
  }

  async #guarded(call: () => Promise<unknown>): Promise<unknown> {
    if (this.#closed !== null)
      throw new StateStoreError('redis', 'closed', 'the connection to Redis is closed')
    if (!this.#breaker.allow()) {
      throw new StateStoreError(
        'redis',
        'breaker-open',
        'Redis failed too often and is left alone for a while',
      )
    }
    let deadline: Deadline | null = null
    try {
      const timeout = new Promise<never>((_, reject) => {
        deadline = this.#wheel.create(() => {
          reject(new StateStoreError('redis', 'timeout', `Redis gave no answer within ${this.#timeoutMs} ms`))
        })
        this.#wheel.arm(deadline, this.#timeoutMs)
      })
      const answer = await Promise.race([this.#connected().then(call), timeout])
      this.#breaker.succeeded()
      return answer
    } catch (error) {
      this.#breaker.failed()
      if (error instanceof StateStoreError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new StateStoreError('redis', 'unavailable', `Redis cannot be asked: ${reason}`, error)
    } finally {
      if (deadline !== null) this.#wheel.clear(deadline)
    }
  }

  #connected(): Promise<void> {
    if (this.#connecting === null || !this.#client.isOpen) {
      this.#connecting = this.#client.connect().then(
        () => {
          this.#isConnected = true
        },
        (error: unknown) => {
          this.#connecting = null
          throw error
        },
      )
    }
    return this.#connecting
  }
}

function single(options: RedisConnectionOptions): Client {
  return createClient({
    ...clientOptions(options),
    url: options.url ?? DEFAULT_URL,
  }) as unknown as Client
}

function clustered(options: RedisConnectionOptions, nodes: readonly string[]): Client {
  const defaults = clientOptions(options)
  const credentials = nodes[0] === undefined ? {} : credentialsOf(nodes[0])
  return createCluster({
    rootNodes: nodes.map((url) => ({ ...defaults, url })),
    defaults: { ...defaults, ...credentials },
  }) as unknown as Client
}

/** Nodes that are found by themselves are asked with the same name and password. */
function credentialsOf(url: string): { username?: string; password?: string } {
  const { username, password } = new URL(url)
  return {
    ...(username === '' ? {} : { username: decodeURIComponent(username) }),
    ...(password === '' ? {} : { password: decodeURIComponent(password) }),
  }
}

function clientOptions(options: RedisConnectionOptions) {
  return {
    RESP: 2 as const,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    disableClientInfo: true,
    socket: {
      connectTimeout: options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS,
      reconnectStrategy: (retries: number) => Math.min(MAX_RECONNECT_WAIT_MS, 2 ** Math.min(retries, 5) * 25),
    },
  }
}
