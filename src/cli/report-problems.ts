import { type ConfigProblem, formatProblem } from '../config/problem.js'
import { useColor } from '../logging/use-color.js'

/** Writes problems to standard error, coloured where it is a terminal. */
export function reportProblems(problems: readonly ConfigProblem[]): void {
  const color = useColor(process.env, process.stderr.isTTY)
  for (const problem of problems) process.stderr.write(`${formatProblem(problem, color)}\n`)
}
