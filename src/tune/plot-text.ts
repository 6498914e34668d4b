import type { TuneResult } from './run-tune.js'
import { expectedPerSecond } from './scaling-law.js'

const HEIGHT = 12
const WIDTH = 60

/** Throughput over workers, for a terminal: measured points, the chosen one, and the curve of the law. */
export function plotText({ points, law, choice }: TuneResult): string {
  const most = Math.max(...points.map(({ workers }) => workers))
  const curve = (workers: number): number => (law === null ? 0 : expectedPerSecond(law, workers))
  const top = Math.max(...points.map(({ perSecond }) => perSecond), curve(most)) * 1.05
  const row = (perSecond: number): number =>
    Math.min(HEIGHT - 1, Math.max(0, Math.round((1 - perSecond / top) * (HEIGHT - 1))))
  const column = (workers: number): number => Math.round((workers / most) * (WIDTH - 1))
  const grid = Array.from({ length: HEIGHT }, () => Array<string>(WIDTH).fill(' '))
  const put = (workers: number, perSecond: number, mark: string): void => {
    const line = grid[row(perSecond)]
    if (line !== undefined) line[column(workers)] = mark
  }
  if (law !== null) {
    for (let x = 0; x < WIDTH; x += 1) {
      const workers = (x / (WIDTH - 1)) * most
      if (workers >= 1) put(workers, curve(workers), '·')
    }
  }
  for (const { workers, perSecond } of points) put(workers, perSecond, workers === choice.workers ? '◆' : '●')

  const labels = new Map([top, top / 2].map((value) => [row(value), thousands(value)]))
  labels.set(HEIGHT - 1, '0')
  const margin = Math.max(...[...labels.values()].map((label) => label.length))
  const lines = grid.map(
    (line, index) => `${(labels.get(index) ?? '').padStart(margin)} │${line.join('').trimEnd()}`,
  )
  const axis = Array<string>(WIDTH + 4).fill(' ')
  for (const { workers } of points) {
    const text = String(workers)
    // A label that would run into the one before it is left out.
    if (
      axis.slice(Math.max(0, column(workers) - 1), column(workers) + text.length).some((mark) => mark !== ' ')
    ) {
      continue
    }
    for (const [offset, digit] of [...text].entries()) axis[column(workers) + offset] = digit
  }
  return [
    `${''.padStart(margin)}  requests/s   ● measured   ◆ chosen   · scaling law`,
    ...lines,
    `${''.padStart(margin)} └${'─'.repeat(WIDTH)}`,
    `${''.padStart(margin)}  ${axis.join('').trimEnd()}  workers`,
  ].join('\n')
}

/** `12,345` */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
