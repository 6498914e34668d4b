import { spread } from './stats.mjs'

/**
 * Runs each candidate in turn, several rounds, and prints CPU nanoseconds per operation and the ratio to the first one.
 * @param candidates functions that do `count` operations each, possibly asynchronously
 */
export async function compare(title, count, candidates, { rounds = 7 } = {}) {
  const names = Object.keys(candidates)
  const results = Object.fromEntries(names.map((name) => [name, []]))
  for (const name of names) await candidates[name]()
  for (let round = 0; round < rounds; round += 1) {
    for (const name of names) {
      const before = process.cpuUsage()
      await candidates[name]()
      const { user, system } = process.cpuUsage(before)
      results[name].push(((user + system) * 1000) / count)
    }
  }
  console.log(`### ${title}\n\n| | CPU ns | ratio to ${names[0]} |\n|---|---|---|`)
  for (const name of names) {
    const ratios = results[name].map((value, round) => value / results[names[0]][round])
    console.log(`| ${name} | ${spread(results[name], 0)} | ${spread(ratios)} |`)
  }
  console.log()
}
