import type {
  BudgetCheck,
  BudgetUse,
  CapCheck,
  CapUse,
  CommitOptions,
  CommitStatus,
  Decision,
  Refusal,
  ReleaseStatus,
  ReserveOptions,
  ReserveResult,
  StateStore,
} from '../state-store.js'
import { StateStoreError } from '../state-store-error.js'
import { RedisConnection, type RedisConnectionOptions, type Script, script } from './redis-connection.js'
import { scriptCall } from './script-call.js'
import { COMMIT, KEPT_MS, RELEASE, RESERVE, SHORTEN, USE } from './scripts.js'
import { oneGroup, type SlotGroup, slotGroups, taggedKey } from './slot-groups.js'

export interface RedisStoreOptions extends RedisConnectionOptions {
  /** Milliseconds since the epoch. Default: the clock of the Redis server, which is the same for all gateways. */
  readonly clock?: () => number
}

const SCRIPTS = {
  reserve: script(RESERVE),
  commit: script(COMMIT),
  release: script(RELEASE),
  shorten: script(SHORTEN),
  use: script(USE),
} satisfies Record<string, Script>

/** What one slot says, in order of weight: the whole decision is what its weightiest part is. */
const COMMIT_WEIGHT: readonly CommitStatus[] = ['duplicate', 'counted', 'late', 'refused']

interface Asked {
  readonly id: string
  readonly holdMs?: number
  readonly rememberMs?: number
  readonly mode?: string
}

/**
 * State in Redis or Valkey, shared by all machines. A decision is one script and one round trip; in a cluster one per hash slot, caps before
 * budgets, and what was reserved before a refusal is given back. Losing the connection loses nothing that was answered.
 */
export class RedisStore implements StateStore {
  readonly name = 'redis'
  readonly hashTags: boolean
  readonly #connection: RedisConnection
  readonly #clock: (() => number) | null

  constructor(options: RedisStoreOptions = {}) {
    this.#connection = new RedisConnection(options)
    this.hashTags = this.#connection.clustered
    this.#clock = options.clock ?? null
  }

  async reserve(decision: Decision, options: ReserveOptions): Promise<ReserveResult> {
    const { id } = decision
    const { holdMs, settle = false, rememberMs = holdMs } = options
    const groups = this.#groups(decision)
    // Several slots cannot settle in one step: each holds first, so that a refusal can be undone.
    const mode = settle && groups.length === 1 ? 'settle' : 'hold'
    for (const [index, group] of groups.entries()) {
      const answer = await this.#undoing(groups.slice(0, index), id, () =>
        this.#run(SCRIPTS.reserve, group, { id, holdMs, rememberMs, mode }),
      )
      const refusal = refusalOf(answer, group)
      if (refusal === null) continue
      await this.#release(groups.slice(0, index), id)
      return { granted: false, refusal }
    }
    if (settle && groups.length > 1) await this.commit(decision, { rememberMs, late: 'always' })
    return { granted: true }
  }

  async commit(
    decision: Decision,
    { late = 'within-limit', rememberMs }: CommitOptions,
  ): Promise<CommitStatus> {
    const asked: Asked = { id: decision.id, rememberMs, mode: late }
    const answers = await Promise.all(
      this.#groups(decision).map((group) => this.#run(SCRIPTS.commit, group, asked)),
    )
    let weight = 0
    for (const answer of answers) weight = Math.max(weight, COMMIT_WEIGHT.indexOf(answer as CommitStatus))
    return COMMIT_WEIGHT[weight] ?? 'duplicate'
  }

  async release(decision: Decision): Promise<ReleaseStatus> {
    const answers = await this.#release(this.#groups(decision), decision.id)
    if (answers.includes('released')) return 'released'
    return answers.includes('settled') ? 'settled' : 'unknown'
  }

  async shorten(decision: Decision, holdMs: number): Promise<void> {
    const asked: Asked = { id: decision.id, holdMs }
    await Promise.all(this.#groups(decision).map((group) => this.#run(SCRIPTS.shorten, group, asked)))
  }

  async capUse(caps: readonly CapCheck[]): Promise<readonly CapUse[]> {
    const uses: CapUse[] = []
    await this.#use({ caps, budgets: [] }, (group, rows) => {
      for (const [row, index] of group.capIndexes.entries()) {
        const [committed = 0, held = 0, resetAfterMs = 0] = (rows[row] ?? []).map(Number)
        uses[index] = { committed, held, resetAfterMs }
      }
    })
    return uses
  }

  async budgetUse(budgets: readonly BudgetCheck[]): Promise<readonly BudgetUse[]> {
    const uses: BudgetUse[] = []
    await this.#use({ caps: [], budgets }, (group, rows) => {
      for (const [row, index] of group.budgetIndexes.entries()) {
        const [m, n, heldM, heldN, limitM, limitN, currency, open] = (rows[row] ?? []).map(String)
        uses[index] = {
          spent: { micros: Number(m), nanos: Number(n) },
          held: { micros: Number(heldM), nanos: Number(heldN) },
          open: Number(open),
          limit: limitM === '' ? null : { micros: Number(limitM), nanos: Number(limitN) },
          currency: currency ?? '',
        }
      }
    })
    return uses
  }

  async setLimit(limitKey: string, limit: string | null): Promise<void> {
    await this.#connection.setText(this.hashTags ? taggedKey(limitKey) : limitKey, limit, KEPT_MS)
  }

  /** Redis forgets by itself, and each decision frees what it meets: there is nothing to do from outside. */
  async expire(): Promise<number> {
    return 0
  }

  healthCheck(): Promise<boolean> {
    return this.#connection.healthCheck()
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  #groups(decision: Pick<Decision, 'caps' | 'budgets'>): SlotGroup[] {
    return this.hashTags ? slotGroups(decision) : [oneGroup(decision)]
  }

  #run(code: Script, group: SlotGroup, asked: Asked): Promise<unknown> {
    const { keys, args } = scriptCall(group, {
      id: asked.id,
      nowMs: this.#clock === null ? null : Math.trunc(this.#clock()),
      holdMs: Math.trunc(asked.holdMs ?? 0),
      rememberMs: Math.max(1, Math.trunc(asked.rememberMs ?? 0)),
      mode: asked.mode ?? '',
      tagged: this.hashTags,
    })
    return this.#connection.run(code, keys, args)
  }

  #release(groups: readonly SlotGroup[], id: string): Promise<unknown[]> {
    return Promise.all(groups.map((group) => this.#run(SCRIPTS.release, group, { id })))
  }

  /** Gives back what other slots reserved when this one cannot be asked; if that fails too, the reservations run out by themselves. */
  async #undoing<T>(done: readonly SlotGroup[], id: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask()
    } catch (error) {
      await this.#release(done, id).catch(() => undefined)
      throw error
    }
  }

  async #use(
    decision: Pick<Decision, 'caps' | 'budgets'>,
    take: (group: SlotGroup, rows: readonly unknown[][]) => void,
  ): Promise<void> {
    await Promise.all(
      this.#groups(decision).map(async (group) => {
        const answer = await this.#run(SCRIPTS.use, group, { id: '' })
        if (!Array.isArray(answer)) throw unexpected(answer)
        take(group, answer as unknown[][])
      }),
    )
  }
}

function refusalOf(answer: unknown, group: SlotGroup): Refusal | null {
  if (!Array.isArray(answer)) throw unexpected(answer)
  const [kind, at, third, fourth] = answer as unknown[]
  if (kind === undefined) return null
  const place = Number(at)
  if (kind === 'cap') {
    const max = group.caps[place]?.max ?? 0
    const index = group.capIndexes[place] ?? 0
    return { kind, index, count: Number(third), max, retryAfterMs: Number(fourth) }
  }
  const reason = third
  if (reason !== 'exhausted' && reason !== 'paced' && reason !== 'no-limit' && reason !== 'currency') {
    throw unexpected(answer)
  }
  return { kind: 'budget', index: group.budgetIndexes[place] ?? 0, reason }
}

function unexpected(answer: unknown): StateStoreError {
  return new StateStoreError(
    'redis',
    'unavailable',
    `Redis gave an unexpected answer: ${JSON.stringify(answer)}`,
  )
}
