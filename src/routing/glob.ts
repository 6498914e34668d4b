/**
 * Whether `text` is the parts of a pattern in order, with anything between them: `['a', '.css']` stands for `a*.css`. The parts in
 * the middle are taken where they first occur, which never has to be taken back: no pattern is slow (B18).
 */
export function matchesGlob(parts: readonly string[], text: string): boolean {
  const last = parts.length - 1
  const head = parts[0] ?? ''
  if (last <= 0) return text === head
  const tail = parts[last] ?? ''
  if (text.length < head.length + tail.length || !text.startsWith(head) || !text.endsWith(tail)) return false
  const end = text.length - tail.length
  let at = head.length
  for (let i = 1; i < last; i += 1) {
    const part = parts[i] ?? ''
    const found = text.indexOf(part, at)
    if (found < 0 || found + part.length > end) return false
    at = found + part.length
  }
  return true
}
