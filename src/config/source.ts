import type { ConfigProblem, Location, Path, ProblemCode } from './problem.js'
import { formatPath } from './problem.js'

/** Which part of an entry is meant: its key, or its value. */
export type Aspect = 'key' | 'value'

/** Where config values come from: a file, or the command line. */
export interface ConfigSource {
  /** As the user knows it: relative to the working directory where that is shorter. */
  readonly label: string
  /** What was read, before references are replaced. */
  readonly raw: unknown
  /**
   * Position of an entry, of the nearest parent that exists, or of the source as a whole.
   * @param needle text within the value to point to.
   */
  locate(path: Path, aspect: Aspect, needle?: string): Location
}

export interface ProblemDetails {
  readonly severity?: 'error' | 'warning'
  readonly hint?: string | null
  readonly aspect?: Aspect
  readonly needle?: string
  /** Path of what to point to, when it is not the subject itself. */
  readonly at?: Path
}

/** A problem at a path of a source. */
export function problemAt(
  source: ConfigSource,
  code: ProblemCode,
  path: Path,
  message: string,
  details: ProblemDetails = {},
): ConfigProblem {
  return {
    severity: details.severity ?? 'error',
    code,
    path: formatPath(path),
    message,
    hint: details.hint ?? null,
    location: source.locate(details.at ?? path, details.aspect ?? 'value', details.needle),
  }
}

/** A source without positions inside, such as a module or a flag. */
export function plainSource(label: string, raw: unknown): ConfigSource {
  const location: Location = { file: label, line: 0, column: 0, excerpt: null, length: 0 }
  return { label, raw, locate: () => location }
}
