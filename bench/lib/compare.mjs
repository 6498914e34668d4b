import { Bench } from 'tinybench'
import { addTable, short } from './document.mjs'
import { median, spread } from './stats.mjs'

/** CPU time of all threads of the process: what counts where several of them work, and what neighbours on the machine disturb least. */
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Runs each candidate in turn, several rounds, and adds a table of CPU nanoseconds per operation and the ratio to the first one.
 * @param candidates functions that do `count` operations each, possibly asynchronously; ours is the first
 */
export async function compare(title, count, candidates, { rounds = 7 } = {}) {
  const names = Object.keys(candidates)
  const results = Object.fromEntries(names.map((name) => [name, []]))
  // The first round warms up.
  for (let round = -1; round < (short ? 3 : rounds); round += 1) {
    const bench = new Bench({ now: cpuMs, time: 0, iterations: 1, warmup: false, throws: true })
    // Left to find out which are asynchronous, tinybench calls each once without waiting for its end, and the first measurement holds work of all.
    for (const name of names) bench.add(name, candidates[name], { async: true })
    await bench.run()
    if (round < 0) continue
    for (const { name, result } of bench.tasks) results[name].push((result.latency.mean * 1e6) / count)
  }
  addCosts(title, results)
}

/**
 * Adds a table of costs.
 * @param results CPU nanoseconds per operation, a list of rounds for each candidate; the first one is ours
 */
export function addCosts(title, results) {
  const [first] = Object.keys(results)
  const rows = Object.entries(results).map(([name, values]) => {
    const ratios = values.map((value, round) => value / results[first][round])
    return [name, spread(values, median(values) < 100 ? 1 : 0), spread(ratios)]
  })
  addTable(title, ['', 'CPU ns', 'ratio to the first'], rows)
}
