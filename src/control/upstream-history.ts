import { isDeepStrictEqual } from 'node:util'
import { AnswerSums } from '../histograms/index.js'
import { UpstreamCounts, type UpstreamTotals } from '../telemetry/index.js'
import type { ControlTask } from './control-task.js'

/** Configurations whose workers may still count: those that finish sessions. */
const STILL_COUNTING = 4

interface Counted {
  readonly names: readonly string[]
  readonly counts: UpstreamCounts
}

/** Attempts by upstream since the start, over all configurations: an upstream that keeps its name keeps its counts. */
export class UpstreamHistory {
  /** The newest is the last. */
  readonly #counted: Counted[] = []
  /** Of those that are over, by name. */
  readonly #past = new Map<string, UpstreamTotals[]>()

  constructor(task: ControlTask) {
    this.use(task)
  }

  use(task: ControlTask): void {
    const names = task.peers?.upstreams.map(({ name }) => name) ?? []
    const { upstreams: buffer } = task.telemetry
    const last = this.#counted.at(-1)
    if (last !== undefined && last.counts.buffer === buffer && isDeepStrictEqual(last.names, names)) return
    this.#counted.push({ names, counts: new UpstreamCounts(task.workers, names.length, buffer) })
    if (this.#counted.length <= STILL_COUNTING) return
    const over = this.#counted.shift()
    for (const [index, name] of (over?.names ?? []).entries()) {
      const totals = over?.counts.totals(index)
      if (totals !== undefined) this.#past.set(name, [sum([...(this.#past.get(name) ?? []), totals])])
    }
  }

  /** Of the upstreams of the configuration in use. */
  totals(): readonly (UpstreamTotals & { readonly name: string })[] {
    const names = this.#counted.at(-1)?.names ?? []
    return names.map((name) => {
      const counted = this.#counted.flatMap((each) => {
        const index = each.names.indexOf(name)
        return index < 0 ? [] : [each.counts.totals(index)]
      })
      return { name, ...sum([...(this.#past.get(name) ?? []), ...counted]) }
    })
  }

  /** Of the workers of the configuration in use. @param isAlive of a worker */
  connections(
    isAlive: (worker: number) => boolean,
  ): readonly { readonly name: string; readonly active: number; readonly idle: number }[] {
    const last = this.#counted.at(-1)
    return (last?.names ?? []).map((name, index) => ({
      name,
      ...(last?.counts.connections(index, isAlive) ?? { active: 0, idle: 0 }),
    }))
  }
}

function sum(all: readonly UpstreamTotals[]): UpstreamTotals {
  return {
    answers: added(all.map(({ answers }) => answers)),
    failures: added(all.map(({ failures }) => failures)),
    retries: all.reduce((total, { retries }) => total + retries, 0),
    durations: joined(all.map(({ durations }) => durations)),
  }
}

function joined(all: readonly AnswerSums[]): AnswerSums {
  const sums = new AnswerSums()
  for (const one of all) sums.addAll(one)
  return sums
}

function added<Key>(all: readonly ReadonlyMap<Key, number>[]): Map<Key, number> {
  const sums = new Map<Key, number>()
  for (const counts of all) for (const [key, count] of counts) sums.set(key, (sums.get(key) ?? 0) + count)
  return sums
}
