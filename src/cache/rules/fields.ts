/** What the rules read a header section through: `Headers`, or a block of the acceptor. */
export interface Fields {
  /** All values of a name (given in lower case) joined by `, ` (RFC 9110 §5.3), or null when absent. */
  get(name: string): string | null
}

/** Largest number of seconds that a cache has to tell apart: 68 years (RFC 9111 §1.2.2). */
export const MAX_DELTA_S = 2 ** 31 - 1

/** Seconds of `1*DIGIT`; larger ones count as {@link MAX_DELTA_S}; null for anything else (RFC 9111 §1.2.2). */
export function deltaSeconds(text: string): number | null {
  if (!/^\d+$/.test(text)) return null
  return text.length > 10 ? MAX_DELTA_S : Math.min(Number(text), MAX_DELTA_S)
}

/** Members of a comma-separated list of tokens, in lower case, without empty ones. */
export function lowerList(field: string): string[] {
  const members: string[] = []
  for (const part of field.split(',')) {
    const member = part.trim().toLowerCase()
    if (member !== '') members.push(member)
  }
  return members
}
