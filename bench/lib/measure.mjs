import { cpuUsPerRequest, processUsage, runLoad } from '../../dist/load/index.js'
import { requestsOf } from './request.mjs'
import { closedLoop } from './wrk.mjs'

/** Answers after which most code is compiled (all of it is after 40,000, see the scenarios that ask for so many), and how often longer than planned a slow one or a busy machine may take for them. */
const WARM_ANSWERS = 10_000
const WARM_AT_MOST = 4

/**
 * Does it answer, and with the right bytes? Warms up as well, until its code is compiled.
 * @returns reasons why it is no use, none if it works
 */
export async function verify(subject, scenario, origin, seconds) {
  let answered = 0
  for (let i = 0; i < WARM_AT_MOST && answered < (scenario.warmAnswers ?? WARM_ANSWERS); i += 1) {
    const report = await runLoad({
      url: subject.url,
      requests: requestsOf(scenario),
      loop: { kind: 'closed' },
      connections: scenario.connections,
      durationMs: seconds * 1000,
      verifyEvery: 1,
      expect: expectOf(subject, origin),
    })
    const wrong = Object.entries(report.errors).filter(([, count]) => count > 0)
    if (wrong.length > 0)
      return wrong.map(([kind, count]) => `${count} of ${report.requests} answers wrong: ${kind}`)
    if (lookedAt(subject, report) === 0) return ['no answer']
    answered += report.answered
  }
  return (await subject.check?.()) ?? []
}

/** After the rounds of a closed loop, which looks at no body: are they still right? @returns reasons why not */
export async function verifyAgain(subject, scenario, origin) {
  const report = await runLoad({
    url: subject.url,
    requests: requestsOf(scenario),
    loop: { kind: 'closed' },
    connections: Math.min(scenario.connections, 16),
    durationMs: 100,
    verifyEvery: 1,
    expect: expectOf(subject, origin),
  })
  return report.errors.body > 0 || lookedAt(subject, report) === 0 ? ['wrong bodies behind the rounds'] : []
}

/** Answers whose body was compared; of a subject that makes its own, which is checked otherwise, all that came. */
function lookedAt({ makesAnswers }, { answered, verified }) {
  return makesAnswers === true ? answered : verified
}

/** What an answer must be: the origin's, unless the subject makes its own of it. */
function expectOf(subject, origin) {
  return { status: 200, ...(subject.makesAnswers !== true && { bodySha256: origin.bodySha256 }) }
}

/** As much as it takes, in a closed loop. */
export async function measureClosed(subject, scenario, origin, seconds) {
  const { connections, rampSeconds = 0 } = scenario
  // Thousands of connections towards the origin take their time, and belong to the start and not to what is measured.
  if (rampSeconds > 0) {
    await closedLoop(subject.url, {
      requests: requestsOf(scenario),
      connections,
      seconds: rampSeconds,
      expect: expectOf(subject, origin),
    })
    await settled(subject, origin)
  }
  const before = await subjectSample(subject, origin)
  const result = await closedLoop(subject.url, {
    requests: requestsOf(scenario),
    connections,
    seconds,
    expect: expectOf(subject, origin),
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
  // A busy generator hides how much more there was; what a request costs it does not change.
  const { refusals: limited, ...measured } = result
  return { ...measured, ...costs(before, after, result.requests), limited, void: disagreement }
}

/** Latency at a rate, from the open-loop generator. */
export async function measureOpen(subject, scenario, origin, { ratePerSecond, seconds }) {
  const before = await subjectSample(subject, origin)
  const report = await runLoad({
    url: subject.url,
    requests: requestsOf(scenario),
    loop: { kind: 'open', ratePerSecond, arrivals: 'poisson' },
    connections: scenario.connections,
    durationMs: seconds * 1000,
    warmUpMs: 300,
    expect: expectOf(subject, origin),
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

/** What the subject and the origin have done and used so far. */
export async function subjectSample(subject, origin) {
  const counted = await countsOf(subject, origin)
  return { usage: usageOf(subject), ...counted }
}

/**
 * A reading after the last exchange has ended everywhere: counters of threads are written a little later than answers. What the subject takes to
 * tell its own numbers is not in it: a gateway that is asked for percentiles works for that as long as for some hundred requests.
 */
export async function settled(subject, origin) {
  let last = await readingBeforeAsking(subject, origin)
  for (let i = 0; i < 20; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    const next = await readingBeforeAsking(subject, origin)
    if (next.requests === last.requests && next.atOrigin === last.atOrigin) return last
    last = next
  }
  return last
}

async function readingBeforeAsking(subject, origin) {
  const usage = usageOf(subject)
  return { usage, ...(await countsOf(subject, origin)) }
}

async function countsOf(subject, origin) {
  const [requests, counters] = await Promise.all([subject.requests(), origin.counters()])
  return { requests, atOrigin: counters.requests }
}

/** Of all its processes: those of a database that only it uses are its own. */
function usageOf({ pid, otherPids = [] }) {
  const usages = [pid, ...otherPids].map((each) => processUsage(each))
  const total = (name) => usages.reduce((sum, usage) => sum + usage[name], 0)
  return {
    cpuUs: total('cpuUs'),
    residentBytes: total('residentBytes'),
    voluntarySwitches: total('voluntarySwitches'),
    involuntarySwitches: total('involuntarySwitches'),
  }
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
