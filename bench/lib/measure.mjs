import { cpuUsPerRequest, processUsage, runLoad } from '../../dist/load/index.js'
import { closedLoop } from './wrk.mjs'

/** The one request of a scenario, as generators take it. */
export function requestOf(scenario) {
  const { method, path = '/', bodyBytes } = scenario.request ?? {}
  return { path, ...(method && { method }), ...(bodyBytes && { body: 'x'.repeat(bodyBytes) }) }
}

/** Answers after which code is compiled, and how often longer than planned a slow one or a busy machine may take for them. */
const WARM_ANSWERS = 10_000
const WARM_AT_MOST = 4

/**
 * Does it answer, and with the right bytes? Warms up as well, until its code is compiled.
 * @returns reasons why it is no use, none if it works
 */
export async function verify(subject, scenario, origin, seconds) {
  let answered = 0
  for (let i = 0; i < WARM_AT_MOST && answered < WARM_ANSWERS; i += 1) {
    const report = await runLoad({
      url: subject.url,
      requests: [requestOf(scenario)],
      loop: { kind: 'closed' },
      connections: scenario.connections,
      durationMs: seconds * 1000,
      verifyEvery: 1,
      expect: { status: 200, bodySha256: origin.bodySha256 },
    })
    const wrong = Object.entries(report.errors).filter(([, count]) => count > 0)
    if (wrong.length > 0)
      return wrong.map(([kind, count]) => `${count} of ${report.requests} answers wrong: ${kind}`)
    if (report.verified === 0) return ['no answer']
    answered += report.answered
  }
  return []
}

/** As much as it takes, in a closed loop. */
export async function measureClosed(subject, scenario, origin, seconds) {
  const { connections } = scenario
  const before = await sample(subject, origin)
  const result = await closedLoop(subject.url, {
    requests: [requestOf(scenario)],
    connections,
    seconds,
    expect: { status: 200, bodySha256: origin.bodySha256 },
  })
  const after = await settled(subject, origin)
  // What is under way when wrk leaves is counted by the servers alone, and so is the connection that it opens to try the address.
  const disagreement = compareCounters(
    scenario,
    before,
    after,
    result.requests,
    connections + 1 + result.errors,
  )
  return { ...result, ...costs(before, after, result.requests), void: [...result.refusals, ...disagreement] }
}

/** Latency at a rate, from the open-loop generator. */
export async function measureOpen(subject, scenario, origin, { ratePerSecond, seconds }) {
  const before = await sample(subject, origin)
  const report = await runLoad({
    url: subject.url,
    requests: [requestOf(scenario)],
    loop: { kind: 'open', ratePerSecond, arrivals: 'poisson' },
    connections: scenario.connections,
    durationMs: seconds * 1000,
    warmUpMs: 300,
    expect: { status: 200, bodySha256: origin.bodySha256 },
  })
  const after = await settled(subject, origin)
  const errors = Object.values(report.errors).reduce((sum, count) => sum + count, 0)
  const disagreement = compareCounters(scenario, before, after, report.sent, errors)
  return {
    ratePerSecond,
    perSecond: report.perSecond,
    response: report.response,
    service: report.service,
    generator: report.generator,
    verified: report.verified,
    errors,
    ...costs(before, after, report.sent),
    void: [...report.refusals, ...disagreement, ...(report.errors.body > 0 ? ['wrong bodies'] : [])],
  }
}

async function sample(subject, origin) {
  const [requests, counters] = await Promise.all([subject.requests(), origin.counters()])
  return { usage: processUsage(subject.pid), requests, atOrigin: counters.requests }
}

/** A reading after the last exchange has ended everywhere: counters of threads are written a little later than answers. */
async function settled(subject, origin) {
  let last = await sample(subject, origin)
  for (let i = 0; i < 20; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const next = await sample(subject, origin)
    if (next.requests === last.requests && next.atOrigin === last.atOrigin) return last
    last = next
  }
  return last
}

function costs(before, after, requests) {
  const per = (name) => (after.usage[name] - before.usage[name]) / Math.max(1, requests)
  return {
    cpuUs: cpuUsPerRequest(before.usage, after.usage, requests),
    residentMiB: after.usage.residentBytes / 2 ** 20,
    voluntaryPerRequest: per('voluntarySwitches'),
    involuntaryPerRequest: per('involuntarySwitches'),
  }
}

/** Three that counted the same requests must have the same number, or one of them did not do what it was asked. */
export function compareCounters(scenario, before, after, asked, slack) {
  const problems = asked > 0 ? [] : ['nothing was answered in the whole round']
  const served = after.requests - before.requests
  const reached = after.atOrigin - before.atOrigin
  if (!(Math.abs(served - asked) <= slack))
    problems.push(`the client counted ${asked} requests, the gateway ${served}`)
  if (scenario.cached === true) {
    if (served !== reached && reached > served * 0.01)
      problems.push(`${reached} of ${served} requests reached the origin`)
  } else if (!(Math.abs(reached - asked) <= slack)) {
    problems.push(`the client counted ${asked} requests, the origin ${reached}`)
  }
  return problems
}
