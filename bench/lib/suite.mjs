import { readFileSync } from 'node:fs'
import { startMockOrigin } from '../../dist/load/index.js'
import { measureBeside } from './beside.mjs'
import { measureClosed, measureOpen, verify, verifyAgain } from './measure.mjs'
import { latencySubjects } from './plan.mjs'
import { missingNeeds } from './scenarios.mjs'
import { measureStampede } from './stampede.mjs'
import { median } from './stats.mjs'
import { subjectOf } from './subjects/index.mjs'
import { tlsFiles } from './tls-files.mjs'

/** A round that takes longer than planned by this has got stuck. */
const STUCK_AFTER_MS = 60_000

/**
 * Runs one scenario: all its subjects stand beside each other, and rounds go A B C A B C.
 * @param options a plan (plan.mjs) and `only`: names of subjects to measure, null for all; `ceilingPerSecond`: the most that the open loop
 *   may offer; `log` is told how it goes; `subjects`: what there is to measure
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
    const times = { rounds: options.latencyRounds, seconds: options.latencySeconds * 2, log }
    if (scenario.kind === 'beside' || scenario.kind === 'reload') {
      await measureBeside(subjects, scenario, origin, times)
    } else if (scenario.kind === 'stampede') {
      await measureStampede(subjects, scenario, origin, { ...times, rounds: options.rounds })
    } else {
      await measureLoad(subjects, scenario, origin, options)
    }
    result.rows = subjects.map(({ running: _, gone: __, failures: ___, ...row }) => row)
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
async function start(name, scenario, origin, result, { warmUpSeconds, log, subjects }) {
  const factory = subjectOf(name, scenario, subjects)
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
    return { subject: name, closed: [], open: {}, beside: [], stampede: [], running, gone: false }
  } catch (error) {
    log(`  ${name}: ${error.message}`)
    result.missing.push({ subject: name, reason: inOneLine(error.message) })
    await running?.stop()
    return null
  }
}

async function measureLoad(subjects, scenario, origin, options) {
  const { rounds, seconds, latencyRounds, latencySeconds, log } = options
  for (let round = 0; round < rounds; round += 1) {
    for (const row of subjects) {
      const measured = await oneRound(row, () => measureClosed(row.running, scenario, origin, seconds))
      row.closed.push(measured)
      log(`  ${round + 1}/${rounds} ${row.subject}: ${closedText(measured)}`)
    }
  }
  for (const row of subjects) {
    if (row.gone) continue
    const problems = await verifyAgain(row.running, scenario, origin).catch((error) => [
      inOneLine(error.message),
    ])
    for (const round of row.closed) round.void.push(...problems)
  }
  const asked = latencySubjects(scenario)
  const rows = subjects.filter(({ subject, gone }) => asked.includes(subject) && !gone)
  for (let round = 0; round < latencyRounds; round += 1) {
    for (const row of rows) {
      for (const { label, ratePerSecond } of loadsOf(row, options)) {
        const measured = await oneRound(row, () =>
          measureOpen(row.running, scenario, origin, { ratePerSecond, seconds: latencySeconds }),
        )
        row.open[label] = [...(row.open[label] ?? []), { ratePerSecond, ...measured }]
        log(
          `  ${round + 1}/${latencyRounds} ${row.subject} at ${Math.round(ratePerSecond)}/s: ${openText(measured)}`,
        )
      }
    }
  }
}

/**
 * The loads of the open loop: shares of the subject's own highest throughput. What is more than the generator can offer without being busy itself becomes
 * one load, `limit`.
 */
export function loadsOf({ closed }, { shares, ceilingPerSecond = Number.POSITIVE_INFINITY }) {
  const rounds = closed.filter((round) => round.void.length === 0)
  if (rounds.length === 0) return []
  const highest = median(rounds.map(({ perSecond }) => perSecond))
  const loads = shares
    .map((share) => ({ label: String(share * 100), ratePerSecond: Math.max(1, highest * share) }))
    .filter(({ ratePerSecond }) => ratePerSecond <= ceilingPerSecond)
  return loads.length === shares.length
    ? loads
    : [...loads, { label: 'limit', ratePerSecond: ceilingPerSecond }]
}

/** What a program says when it does not start may be long: the line that names the error, and of that the beginning. */
function inOneLine(text) {
  // Where it lies on this machine is nobody's business.
  const plain = text.replaceAll(process.execPath, 'node').replaceAll(/\S*headgate-bench-\w+\//g, '')
  const lines = plain.split('\n').map((line) => line.trim())
  return (lines.find((line) => /error/i.test(line)) ?? lines[0] ?? '').slice(0, 200)
}

/** What fails in one round makes that round void. A subject that does so twice in a row is left alone: it would only cost time. */
async function oneRound(row, measure) {
  if (row.gone) return voidRound('it had failed twice before')
  let timer
  const stuck = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('it got stuck')), STUCK_AFTER_MS)
  })
  try {
    const measured = await Promise.race([measure(), stuck])
    row.failures = 0
    return measured
  } catch (error) {
    row.failures = (row.failures ?? 0) + 1
    row.gone = row.failures > 1
    return voidRound(`it failed: ${inOneLine(error.message)}`)
  } finally {
    clearTimeout(timer)
  }
}

function voidRound(reason) {
  return { errors: 0, limited: [], void: [reason] }
}

function closedText({ perSecond, cpuUs, limited, void: problems }) {
  const numbers = problems.length > 0 ? 'void' : `${Math.round(perSecond)}/s, ${cpuUs.toFixed(1)} µs`
  return [numbers, ...limited, ...problems].join('; ')
}

function openText({ response, void: problems }) {
  return [
    response === undefined ? 'void' : `p50 ${response.p50Us} µs, p99 ${response.p99Us} µs`,
    ...problems,
  ].join('; ')
}
