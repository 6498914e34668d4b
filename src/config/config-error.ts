import { type ConfigProblem, formatProblem } from './problem.js'

/** A config that cannot be used. Its message is the readable list of all problems, with positions. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code = 'HG_CONFIG'
  /** At least one of them is an error; warnings may stand beside it. */
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map((problem) => formatProblem(problem)).join('\n'))
    this.problems = problems
  }

  /** The problems as text. @param color with ANSI colours. Default false. */
  format(color = false): string {
    return this.problems.map((problem) => formatProblem(problem, color)).join('\n')
  }
}
