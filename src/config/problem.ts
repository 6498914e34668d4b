/** Keys and indices from the root of the config to a value. */
export type Path = readonly (string | number)[]

/** What kind of mistake it is; stable across releases. */
export type ProblemCode =
  | 'not-found'
  | 'unreadable'
  | 'syntax'
  | 'duplicate-key'
  | 'unknown-key'
  | 'missing-key'
  | 'invalid-value'
  | 'unset-variable'
  | 'unknown-upstream'
  | 'unused-upstream'
  | 'duplicate-peer'
  | 'unreachable-route'
  | 'timeout-order'
  | 'no-effect'
  | 'invalid-filter'
  | 'ignored-file'
  | 'expired-certificate'
  | 'address-in-use'
  | 'stale-tuning'

/** Where a problem is. `file` may also be a flag of the command line; line and column count from 1, 0 = unknown. */
export interface Location {
  readonly file: string
  readonly line: number
  readonly column: number
  /** The line itself, and how many characters of it are meant. */
  readonly excerpt: string | null
  readonly length: number
}

/** One thing that is wrong with a config. */
export interface ConfigProblem {
  readonly severity: 'error' | 'warning'
  readonly code: ProblemCode
  /** Readable path of the value, `routes[0].upstream`; '' for the whole. */
  readonly path: string
  readonly message: string
  /** What to write instead. */
  readonly hint: string | null
  readonly location: Location | null
}

/** `routes[0].match.path` */
export function formatPath(path: Path): string {
  let text = ''
  for (const key of path) {
    if (typeof key === 'number') text += `[${key}]`
    else if (/^[A-Za-z_$][\w$-]*$/.test(key)) text += text === '' ? key : `.${key}`
    else text += `[${JSON.stringify(key)}]`
  }
  return text
}

/**
 * A problem as text: `file:line:column: error: path: message`, the line with a caret below, and the hint.
 * @param color with ANSI colours. Default false.
 */
export function formatProblem(problem: ConfigProblem, color = false): string {
  const paint = (code: number, text: string) => (color ? `\u001b[${code}m${text}\u001b[0m` : text)
  const severity = paint(problem.severity === 'error' ? 31 : 33, problem.severity)
  const { location } = problem
  const subject = problem.path === '' ? '' : `${problem.path}: `
  const lines: string[] = []
  if (location === null) {
    lines.push(`${severity}: ${subject}${problem.message}`)
  } else {
    const position = location.line > 0 ? `:${location.line}:${location.column}` : ''
    lines.push(`${paint(1, `${location.file}${position}`)}: ${severity}: ${subject}${problem.message}`)
    if (location.excerpt !== null) {
      const number = String(location.line)
      const before = location.excerpt.slice(0, location.column - 1).replaceAll(/[^\t]/g, ' ')
      const rest = location.excerpt.length - location.column + 1
      const caret = '^'.repeat(Math.max(1, Math.min(location.length, rest)))
      lines.push(`  ${number} | ${location.excerpt}`)
      lines.push(`  ${' '.repeat(number.length)} | ${before}${paint(32, caret)}`)
    }
  }
  if (problem.hint !== null) lines.push(`  ${paint(36, 'hint')}: ${problem.hint}`)
  return lines.join('\n')
}
