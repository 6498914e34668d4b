import type { GatewayStats } from '../control/index.js'
import { useColor } from '../logging/index.js'
import { topLines } from './top-lines.js'

const ENTER = '\x1b[?1049h\x1b[?25l'
const LEAVE = '\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

/** Where the numbers are shown. */
export interface Screen {
  show(stats: GatewayStats, admin: string): void
  /** Gives the terminal back as it was; the last numbers stay below. */
  close(): void
}

type Output = Pick<NodeJS.WriteStream, 'write'> &
  Partial<Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows'>>

/** On a terminal the numbers are refreshed in place; elsewhere each look is a block of lines of its own. */
export function startScreen(
  output: Output,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Screen {
  const isTerminal = output.isTTY === true
  const color = useColor(env, isTerminal)
  let last: readonly string[] = []
  let isOpen = isTerminal
  if (isTerminal) output.write(ENTER)
  return {
    show(stats, admin) {
      last = topLines(stats, admin, { width: output.columns ?? 100, color })
      if (!isTerminal) {
        output.write(`${last.join('\n')}\n\n`)
        return
      }
      const shown = last.slice(0, Math.max(1, (output.rows ?? 40) - 1))
      output.write(`${HOME}${shown.map((line) => `${line}${CLEAR_LINE}\r\n`).join('')}${CLEAR_BELOW}`)
    },
    close() {
      if (!isOpen) return
      isOpen = false
      output.write(`${LEAVE}${last.length === 0 ? '' : `${last.join('\n')}\n`}`)
    },
  }
}
