import { runLoad } from '../../dist/load/index.js'
import { compareCounters, settled, subjectSample } from './measure.mjs'

/** When in a round the configuration is loaded again. */
const RELOAD_AFTER_MS = 600
const WARM_UP_MS = 300

/**
 * Latency of a route alone, and while something happens beside it: a second client asks for a route that burns CPU, or the configuration is
 * loaded again. All at fixed rates, so that every subject has the same to do.
 */
export async function measureBeside(subjects, scenario, origin, { rounds, seconds, log }) {
  const disturb = scenario.kind === 'reload' ? reloading : burning
  for (let round = 0; round < rounds; round += 1) {
    for (const row of subjects) {
      const fast = planOf(row, scenario.fast, scenario.connections, origin, seconds)
      const before = await subjectSample(row.running, origin)
      const alone = await runLoad(fast)
      const [beside, { done, sent, errors, problems }] = await Promise.all([
        runLoad(fast),
        disturb(row, scenario, origin, seconds),
      ])
      const after = await settled(row.running, origin)
      const failed = sum(alone.errors) + sum(beside.errors) + errors
      const asked = alone.sent + beside.sent + sent
      const wrong = alone.errors.body + beside.errors.body > 0 ? ['wrong bodies'] : []
      // The counter of a peer that loads its configuration into a new process begins anew: the origin's has to do.
      const counted = scenario.kind === 'reload' ? { ...after, requests: before.requests + asked } : after
      problems.push(...wrong, ...compareCounters(scenario, before, counted, asked, failed))
      row.beside.push({
        alone: alone.response,
        beside: beside.response,
        done,
        errors: failed,
        void: [...alone.refusals, ...beside.refusals, ...problems],
      })
      log(
        `  ${round + 1}/${rounds} ${row.subject}: p99 alone ${alone.response.p99Us} µs, beside ${beside.response.p99Us} µs ${problems.join('; ')}`,
      )
    }
  }
}

async function burning(row, scenario, origin, seconds) {
  const report = await runLoad(planOf(row, scenario.burning, 8, origin, seconds))
  const problems = report.answered > 0 ? [] : ['nothing burned']
  return { done: report.answered, sent: report.sent, errors: sum(report.errors), problems }
}

async function reloading({ running }) {
  await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS + RELOAD_AFTER_MS))
  try {
    await running.reload()
    return { done: 1, sent: 0, errors: 0, problems: [] }
  } catch (error) {
    return { done: 0, sent: 0, errors: 0, problems: [`it could not be loaded again: ${error.message}`] }
  }
}

function planOf({ running }, { path, ratePerSecond }, connections, origin, seconds) {
  return {
    url: running.url,
    requests: [{ path }],
    loop: { kind: 'open', ratePerSecond, arrivals: 'poisson' },
    connections,
    durationMs: seconds * 1000,
    warmUpMs: WARM_UP_MS,
    expect: { status: 200, bodySha256: origin.bodySha256 },
  }
}

function sum(errors) {
  return Object.values(errors).reduce((total, count) => total + count, 0)
}
