import { readFileSync } from 'node:fs'
import { startMockOrigin } from '../../dist/load/index.js'
import { measureBeside } from './beside.mjs'
import { measureClosed, measureOpen, verify } from './measure.mjs'
import { missingNeeds } from './scenarios.mjs'
import { median } from './stats.mjs'
import { subjectOf } from './subjects/index.mjs'
import { tlsFiles } from './tls-files.mjs'

/**
 * Runs one scenario: all its subjects stand beside each other, and rounds go A B C A B C.
 * @param options `only`: names of subjects to measure, null for all; `rounds` of `seconds` in a closed loop; `latencyRounds` of `latencySeconds` at each of
 *   `shares` of its own highest throughput; `warmUpSeconds` before; `log` is told how it goes
 * @returns plain data; `notMeasured` where nothing could be
 */
export async function runScenario(scenario, options) {
  const { only, log } = options
  const { name, title, why, cached, baseline } = scenario
  const result = {
    name,
    title,
    why,
    kind: scenario.kind,
    cached: cached === true,
    baseline,
    rows: [],
    missing: [],
  }
  const needs = missingNeeds(scenario)
  if (needs.length > 0)
    return { ...result, notMeasured: `the configuration has no \`${needs.join('`, `')}\` yet` }
  const origin = await startOrigin(scenario)
  const subjects = []
  try {
    for (const subjectName of scenario.subjects) {
      if (only !== null && !only.includes(subjectName) && subjectName !== 'direct') continue
      const subject = await start(subjectName, scenario, origin, result, options)
      if (subject !== null) subjects.push(subject)
    }
    if (scenario.kind === 'beside') {
      await measureBeside(subjects, scenario, origin, {
        rounds: options.latencyRounds,
        seconds: options.latencySeconds * 2,
        log,
      })
    } else {
      await measureLoad(subjects, scenario, origin, options)
    }
    result.rows = subjects.map(({ running: _, ...row }) => row)
    return result
  } finally {
    for (const { running } of subjects) await running.stop()
    await origin.stop()
  }
}

function startOrigin({ origin }) {
  const { tls, ...plan } = origin
  const files =
    tls === true
      ? { key: readFileSync(tlsFiles.key, 'utf8'), cert: readFileSync(tlsFiles.cert, 'utf8') }
      : null
  return startMockOrigin({ ...plan, ...(files !== null && { tls: files }) })
}

/** What does not start or answers wrongly costs its own row only, with the reason. */
async function start(name, scenario, origin, result, { warmUpSeconds, log }) {
  const factory = subjectOf(name, scenario)
  const absent = factory.missing()
  if (absent !== null) {
    result.missing.push({ subject: name, reason: absent })
    return null
  }
  let running
  try {
    running = await factory.start(scenario, origin, scenario.variants?.[name])
    const path = scenario.fast?.path
    const asked = path === undefined ? scenario : { ...scenario, request: { path } }
    const problems = await verify(running, asked, origin, warmUpSeconds)
    if (problems.length > 0) throw new Error(problems.join('; '))
    return { subject: name, closed: [], open: {}, beside: [], running }
  } catch (error) {
    log(`  ${name}: ${error.message}`)
    result.missing.push({ subject: name, reason: error.message })
    await running?.stop()
    return null
  }
}

async function measureLoad(subjects, scenario, origin, options) {
  const { rounds, seconds, shares, latencyRounds, latencySeconds, log } = options
  for (let round = 0; round < rounds; round += 1) {
    for (const row of subjects) {
      row.closed.push(await measureClosed(row.running, scenario, origin, seconds))
      const { perSecond, cpuUs, void: problems } = row.closed.at(-1)
      log(
        `  ${round + 1}/${rounds} ${row.subject}: ${Math.round(perSecond)}/s, ${cpuUs.toFixed(1)} µs ${problems.join('; ')}`,
      )
    }
  }
  if (scenario.latency !== true) return
  for (let round = 0; round < latencyRounds; round += 1) {
    for (const share of shares) {
      for (const row of subjects) {
        const ratePerSecond = Math.max(1, median(row.closed.map(({ perSecond }) => perSecond)) * share)
        const measured = await measureOpen(row.running, scenario, origin, {
          ratePerSecond,
          seconds: latencySeconds,
        })
        const label = String(share * 100)
        row.open[label] = [...(row.open[label] ?? []), measured]
        const { p50Us, p99Us } = measured.response
        log(`  ${label} % ${row.subject}: p50 ${p50Us} µs, p99 ${p99Us} µs ${measured.void.join('; ')}`)
      }
    }
  }
}
