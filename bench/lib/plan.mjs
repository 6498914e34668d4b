/** Seconds around what is measured, on two cores: a subject that starts and warms up, a closed-loop round, one of the open loop, a scenario. */
const START = 2.4
const CLOSED = 0.5
const OPEN = 0.75
const WARM_OPEN = 0.3
const SCENARIO = 1
/** Besides the scenarios. */
const FREEZE = 33
const MICRO = 5

/** How long everything may take, in minutes. With less time left than needed there are fewer rounds, but not fewer than `LEAST_ROUNDS`. */
export const WITHIN_MINUTES = { full: 19.5, quick: 1.6 }
export const LEAST_ROUNDS = { full: 3, quick: 1 }

/**
 * Rounds and their lengths.
 * @param options of the command line: `quick`, `rounds` and `seconds` as text
 */
export function planOf({ quick, rounds, seconds }) {
  return {
    quick,
    rounds: Number(rounds ?? (quick ? 3 : 5)),
    /** Of a closed-loop round. */
    seconds: Number(seconds ?? 1),
    latencyRounds: quick ? 1 : Number(rounds ?? 5),
    latencySeconds: 1,
    shares: quick ? [0.5] : [0.5, 0.8],
    warmUpSeconds: quick ? 0.5 : 1,
  }
}

/** The scenario as a quick run has it: with fewer subjects where it says so, and no warmer than any other. */
export function scenarioOf(scenario, { quick }) {
  if (!quick) return scenario
  const { quickSubjects, warmAnswers: _, ...rest } = scenario
  return quickSubjects === undefined ? rest : { ...rest, subjects: quickSubjects }
}

/** Names of the subjects whose latency is measured. */
export function latencySubjects({ latency, subjects }) {
  if (latency === true) return subjects
  return latency ?? []
}

/** Seconds that a scenario takes by this plan. */
export function estimateSeconds(scenario, plan) {
  const { subjects, kind, rampSeconds = 0, originDelayMs = scenario.origin.delayMs ?? 0 } = scenario
  const start = SCENARIO + subjects.length * START
  if (kind === 'beside' || kind === 'reload')
    return start + plan.latencyRounds * subjects.length * 2 * (2 * plan.latencySeconds + OPEN)
  if (kind === 'stampede')
    return start + plan.rounds * subjects.length * (scenario.keys * (originDelayMs / 1000 + 0.4))
  const ramp = rampSeconds > 0 ? rampSeconds + CLOSED : 0
  const closed = plan.rounds * subjects.length * (plan.seconds + CLOSED + ramp)
  const asked = latencySubjects(scenario).filter((name) => subjects.includes(name)).length
  // Hits are more than the generator can offer, at any share: one load instead of several.
  const loads = scenario.cached === true ? 1 : plan.shares.length
  const open = plan.latencyRounds * loads * asked * (plan.latencySeconds + WARM_OPEN + OPEN)
  return start + closed + open
}

/** Seconds of what comes after the scenarios. */
export function estimateRest(plan, micros) {
  return plan.quick ? 0 : FREEZE + micros * MICRO
}

/**
 * The plan for the next scenario, with fewer rounds when the rest would not fit into the time that is left.
 * @param neededSeconds for all that is still to come with the full number of rounds, at the pace so far
 */
export function fitted(plan, neededSeconds, leftSeconds) {
  if (neededSeconds <= leftSeconds) return plan
  const share = Math.max(0, leftSeconds / neededSeconds)
  const least = LEAST_ROUNDS[plan.quick ? 'quick' : 'full']
  const cut = (rounds) => Math.max(Math.min(least, rounds), Math.floor(rounds * share))
  return { ...plan, rounds: cut(plan.rounds), latencyRounds: cut(plan.latencyRounds) }
}

/** `12 min` or `45 s`. */
export function durationText(seconds) {
  return seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.max(0, Math.round(seconds))} s`
}
