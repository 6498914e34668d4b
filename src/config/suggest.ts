/** Levenshtein distance: the number of single-character edits between two words. */
export function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, substitution))
    }
    previous = current
  }
  return previous[b.length] ?? 0
}

/**
 * The candidate that a misspelt word probably meant, or null: same letters in another case or with `-` and `_`
 * aside, one a prefix of the other, or at most two edits (one in words of up to three letters).
 */
export function suggest(word: string, candidates: readonly string[]): string | null {
  const plain = normal(word)
  const same = candidates.find((candidate) => normal(candidate) === plain)
  if (same !== undefined) return same
  const limit = plain.length <= 3 ? 1 : 2
  let best: string | null = null
  let bestDistance = limit + 1
  for (const candidate of candidates) {
    const distance = editDistance(plain, normal(candidate))
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  if (best !== null) return best
  return candidates.find((candidate) => plain.length >= 3 && isPrefix(plain, normal(candidate))) ?? null
}

function normal(word: string): string {
  return word.toLowerCase().replaceAll(/[-_]/g, '')
}

function isPrefix(a: string, b: string): boolean {
  return a.startsWith(b) || b.startsWith(a)
}
