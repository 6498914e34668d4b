/** Verdicts that are remembered: a user sends the same string with every request, and decoding one takes up to 0.3 ms. */
const CAPACITY = 1024
/** A string longer than this is not looked at. */
export const LONGEST_STRING = 8192

/** Remembers what a pure function said of the last strings. */
export function memo<T>(decode: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) {
      known.delete(text)
      known.set(text, before)
      return before
    }
    const result = decode(text)
    if (known.size >= CAPACITY) {
      for (const oldest of known.keys()) {
        known.delete(oldest)
        break
      }
    }
    known.set(text, result)
    return result
  }
}
