import { readFileSync } from 'node:fs'

/** Of the time, what reading the system's table may take at most. */
const TIME_SHARE = 1 / 50
const LEAST_PAUSE_MS = 5
/** Addresses that are kept beyond those of open connections before the system is asked for the sake of memory. */
const KEPT_ADDRESSES = 10_000
/** ESTABLISHED, and CLOSE_WAIT: the client has ended its direction. */
const OPEN_STATES: ReadonlySet<string> = new Set(['01', '08'])
const TABLES = ['/proc/net/tcp', '/proc/net/tcp6'] as const
const MAPPED = '00000000000000000000ffff'

export interface CensusOptions {
  /** Open connections of one address. */
  readonly limit: number
  /** Of the listening socket. */
  port(): number
  /** Text of the system's tables of connections. Default: those of Linux. */
  readonly tables?: () => readonly string[]
  /** Monotonic ms. Default `performance.now`. */
  readonly clock?: () => number
}

/**
 * Connections by client address over uWS, which says that a connection has gone, but not which one, nor whence it came. So those that come
 * are counted, and where an address seems to have too many, the system is asked how many it really has: seldom, since its table is long.
 * In between the count errs on the high side, for milliseconds.
 */
export class ConnectionCensus {
  readonly #limit: number
  readonly #port: () => number
  readonly #tables: () => readonly string[]
  readonly #clock: () => number
  #open = new Map<string, number>()
  #nextMs = 0

  constructor({ limit, port, tables, clock }: CensusOptions) {
    this.#limit = limit
    this.#port = port
    this.#tables = tables ?? (() => TABLES.map((file) => readTable(file)))
    this.#clock = clock ?? (() => performance.now())
  }

  /**
   * A connection has been opened: may it stay?
   * @param address of the client in binary, 4 or 16 bytes
   * @param connections that are open now, with this one
   */
  admit(address: ArrayBuffer, connections: number): boolean {
    const key = keyOf(Buffer.from(address).toString('hex'))
    // All there are: what was counted before has gone.
    if (connections === 1) this.#open.clear()
    const open = (this.#open.get(key) ?? 0) + 1
    this.#open.set(key, open)
    // Who has gone stays in the map until it is made anew.
    if (this.#open.size > KEPT_ADDRESSES + connections && this.#clock() >= this.#nextMs) this.#count()
    if (open <= this.#limit || connections <= this.#limit) return true
    if (this.#clock() >= this.#nextMs) this.#count()
    const known = this.#open.get(key) ?? 0
    if (known <= this.#limit) return true
    // It is about to be closed.
    this.#open.set(key, known - 1)
    return false
  }

  #count(): void {
    const startMs = this.#clock()
    const port = this.#port().toString(16).toUpperCase().padStart(4, '0')
    const open = new Map<string, number>()
    for (const table of this.#tables()) {
      for (const line of table.split('\n')) {
        const [local, remote, state] = line.slice(line.indexOf(': ') + 2).split(' ', 3)
        if (local === undefined || remote === undefined || state === undefined) continue
        if (!local.endsWith(`:${port}`) || !OPEN_STATES.has(state)) continue
        const key = keyOf(inNetworkOrder(remote.slice(0, remote.indexOf(':'))))
        open.set(key, (open.get(key) ?? 0) + 1)
      }
    }
    this.#open = open
    const endMs = this.#clock()
    this.#nextMs = endMs + Math.max(LEAST_PAUSE_MS, (endMs - startMs) / TIME_SHARE)
  }
}

/** IPv4 in IPv6 is IPv4. */
function keyOf(hex: string): string {
  return hex.startsWith(MAPPED) ? hex.slice(MAPPED.length) : hex
}

/** The table has words of 32 bits as the processor has them: the lowest byte last. */
function inNetworkOrder(words: string): string {
  return words.replace(/(..)(..)(..)(..)/g, '$4$3$2$1').toLowerCase()
}

function readTable(file: string): string {
  try {
    return readFileSync(file, 'latin1')
  } catch {
    // Without IPv6 there is no second one.
    return ''
  }
}
