import { runLoad } from '../../dist/load/index.js'

/**
 * Latency of a fast route alone, and while a second client asks for one that burns CPU. Both at fixed rates, so that every subject
 * has the same to do.
 */
export async function measureBeside(subjects, scenario, origin, { rounds, seconds, log }) {
  const expect = { status: 200, bodySha256: origin.bodySha256 }
  const plan = (row, { path, ratePerSecond }, connections) => ({
    url: row.running.url,
    requests: [{ path }],
    loop: { kind: 'open', ratePerSecond, arrivals: 'poisson' },
    connections,
    durationMs: seconds * 1000,
    warmUpMs: 300,
    expect,
  })
  for (let round = 0; round < rounds; round += 1) {
    for (const row of subjects) {
      const fast = plan(row, scenario.fast, scenario.connections)
      const alone = await runLoad(fast)
      const [beside, burning] = await Promise.all([runLoad(fast), runLoad(plan(row, scenario.burning, 8))])
      row.beside.push({
        alone: alone.response,
        beside: beside.response,
        burned: burning.answered,
        errors: sum(alone.errors) + sum(beside.errors) + sum(burning.errors),
        void: [...alone.refusals, ...beside.refusals],
      })
      log(
        `  ${round + 1}/${rounds} ${row.subject}: p99 alone ${alone.response.p99Us} µs, beside ${beside.response.p99Us} µs`,
      )
    }
  }
}

function sum(errors) {
  return Object.values(errors).reduce((total, count) => total + count, 0)
}
