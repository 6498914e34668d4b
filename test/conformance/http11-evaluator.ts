import type { ParsedResponse } from '../support/response-parser.js'

/** P pass, W lenient but allowed, F fail. */
export type Verdict = 'P' | 'W' | 'F'
export type ConnectionState = 'Open' | 'ClosedByServer' | 'TimedOut'

/** Base64 text, or one character repeated. */
export type Fragment = string | readonly [char: string, count: number]

export interface VerdictTable {
  /** When no status line came. */
  readonly none: Verdict
  /** Inclusive ranges of statuses; several letters: `check` decides. */
  readonly status: readonly (readonly [from: number, to: number, letters: string])[]
}

export interface Check {
  readonly rule: 'echo' | 'no-body' | 'header' | 'no-header' | 'norm'
  readonly value?: string | readonly [standard: string, malformed: string, value: string]
}

export interface Http11Case {
  readonly id: string
  readonly level: string
  readonly description: string
  readonly expected: string
  /** A step is sent only while the connection is open; its groups are sent one after another. */
  readonly steps: readonly (readonly { readonly send: readonly Fragment[] }[])[]
  /** A table, or the name of the state whose table holds. */
  readonly verdicts?: Readonly<Record<ConnectionState, VerdictTable | ConnectionState>>
  readonly check?: Check
  readonly sequence?: 'must-close' | 'single-response'
}

export interface StepResult {
  /** First answer on the wire, interim ones included; null when none came. */
  readonly status: number | null
  readonly response: ParsedResponse | null
  readonly state: ConnectionState
  /** Status lines on the wire: the second one of a single request is the answer to a hidden one. */
  readonly statusLines: number
  /** What followed the first head on the wire, undecoded. */
  readonly bytesAfterHead: number
}

export function bytesOf(fragments: readonly Fragment[]): Buffer {
  return Buffer.concat(
    fragments.map((fragment) =>
      typeof fragment === 'string'
        ? Buffer.from(fragment, 'base64')
        : Buffer.from(fragment[0].repeat(fragment[1]), 'latin1'),
    ),
  )
}

/** The verdict on what the steps of a case brought; a step that found the connection closed is not in `results`. */
export function evaluate(testCase: Http11Case, results: readonly StepResult[]): Verdict {
  const first = results[0]
  if (first === undefined) return 'F'
  if (testCase.sequence !== undefined) return evaluateSequence(testCase.sequence, first)
  const table = tableOf(testCase, first.state)
  if (table === null) return 'F'
  const { status } = first
  if (status === null) return table.none
  const letters = table.status.find(([from, to]) => status >= from && status <= to)?.[2] ?? 'F'
  return letters.length === 1 ? asVerdict(letters) : decide(letters, testCase.check, first)
}

/**
 * A request with contradictory framing is refused with 400, or the connection is closed after it. `single-response`
 * besides: never two answers.
 */
function evaluateSequence(rule: 'must-close' | 'single-response', first: StepResult): Verdict {
  if (rule === 'single-response' && first.statusLines > 1) return 'F'
  return first.status === 400 || first.state === 'ClosedByServer' ? 'P' : 'F'
}

function tableOf(testCase: Http11Case, state: ConnectionState): VerdictTable | null {
  const entry = testCase.verdicts?.[state]
  if (entry === undefined) return null
  return typeof entry === 'string' ? tableOf(testCase, entry) : entry
}

function asVerdict(letter: string): Verdict {
  return letter === 'P' || letter === 'W' ? letter : 'F'
}

/**
 * Several letters: the check picks one. Fulfilled is P; not fulfilled is the lowest letter offered, so `FP` fails and
 * `PW` is merely lenient. `norm` has three outcomes: the malformed field was dropped (P), kept as it was (W, or F where
 * W is not offered), or turned into the standard field (F, or W where F is not offered).
 */
function decide(letters: string, check: Check | undefined, step: StepResult): Verdict {
  const { response } = step
  if (check === undefined || response === null) return 'F'
  const worst: Verdict = letters.includes('F') ? 'F' : 'W'
  if (check.rule === 'norm') {
    const outcome = normalisation(check.value, response)
    if (outcome === 'dropped') return 'P'
    return outcome === 'preserved' && letters.includes('W') ? 'W' : worst
  }
  return fulfils(check, response, step) ? 'P' : worst
}

function fulfils(check: Check, response: ParsedResponse, step: StepResult): boolean {
  const value = typeof check.value === 'string' ? check.value : ''
  switch (check.rule) {
    // The answer carries the request's body: its framing was understood.
    case 'echo':
      return response.complete && response.body.toString('latin1') === value
    case 'no-body':
      return step.bytesAfterHead === 0
    case 'header':
      return response.all(value).length > 0
    case 'no-header':
      return response.all(value).length === 0
    case 'norm':
      return false
  }
}

/** `/echo` lists the fields that arrived; looked for is the value that only the malformed field had. */
function normalisation(
  value: Check['value'],
  response: ParsedResponse,
): 'dropped' | 'preserved' | 'normalised' {
  if (typeof value !== 'object') return 'normalised'
  const [standard, malformed, probe] = value
  const names = response.body
    .toString('latin1')
    .split('\n')
    .filter(
      (line) =>
        line
          .slice(line.indexOf(':') + 1)
          .trim()
          .toLowerCase() === probe.toLowerCase(),
    )
    .map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
  if (names.includes(standard.toLowerCase())) return 'normalised'
  return names.includes(malformed.toLowerCase()) ? 'preserved' : 'dropped'
}
