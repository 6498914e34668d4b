import { trimOws } from '../session/header-rules.js'

/** Splits a validated header block into `[name, value, name, value, ...]`, the raw form of Node's HTTP server. */
export function headerLines(block: string): string[] {
  const lines: string[] = []
  for (let at = 0; at < block.length; ) {
    const end = block.indexOf('\r\n', at)
    const colon = block.indexOf(':', at)
    if (end < 0 || colon < 0 || colon > end) break
    lines.push(block.slice(at, colon), trimOws(block.slice(colon + 1, end)))
    at = end + 2
  }
  return lines
}
