import type { Random } from './random.js'

/** Longer ones are cut: what a limit does has tests of its own, and long inputs are slow. */
const MAX_LENGTH = 3_000
const MOST_EDITS = 5

/** Bytes at which parsers change their mind. */
const PIVOTS = '\r\n\t :;,=/?#%"\\.-_+*@()<>[]{}\0\x0b\x0c\x1b\x7f\x80\xa0\xff0179aAfFgGxX'

type Edit = (text: string, random: Random, corpus: readonly string[], words: readonly string[]) => string

const insert = (text: string, at: number, piece: string): string => text.slice(0, at) + piece + text.slice(at)

/** A place, more often than not at one of the few where a message is decided: line ends, colons, digits. */
function place(text: string, random: Random): number {
  const at = random.below(text.length + 1)
  if (random.below(3) === 0) return at
  const near = text.slice(at).search(/[\r\n:]|\d/)
  return near < 0 ? at : at + near + random.below(3)
}

function lines(text: string): string[] {
  return text.split(/(?<=\n)/)
}

const EDITS: readonly Edit[] = [
  // One byte becomes another.
  (text, random) => {
    const at = place(text, random)
    const byte =
      random.below(3) === 0 ? String.fromCharCode(random.below(256)) : random.pick(PIVOTS.split(''))
    return text.slice(0, at) + byte + text.slice(at + 1)
  },
  (text, random) => {
    const at = random.below(text.length)
    const flipped = String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(8)))
    return text.length === 0 ? text : text.slice(0, at) + flipped + text.slice(at + 1)
  },
  (text, random) => insert(text, place(text, random), random.pick(PIVOTS.split(''))),
  (text, random) => {
    const at = place(text, random)
    return text.slice(0, at) + text.slice(at + 1 + random.below(random.below(4) === 0 ? 40 : 3))
  },
  (text, random, _, words) => insert(text, place(text, random), random.pick(words)),
  // A word becomes another.
  (text, random, _, words) => {
    const at = random.below(text.length + 1)
    const end = text.slice(at).search(/[\s:,;]/)
    return text.slice(0, at) + random.pick(words) + text.slice(end < 0 ? text.length : at + end)
  },
  // A line of another message, a line twice, a line less, two lines swapped.
  (text, random, corpus) => {
    const at = text.indexOf('\n', random.below(text.length + 1)) + 1
    return insert(text, at, random.pick(lines(random.pick(corpus))))
  },
  (text, random) => {
    const parts = lines(text)
    const at = random.below(parts.length)
    parts.splice(random.below(parts.length), 0, parts[at] ?? '')
    return parts.join('')
  },
  (text, random) => {
    const parts = lines(text)
    parts.splice(random.below(parts.length), 1)
    return parts.join('')
  },
  (text, random) => {
    const parts = lines(text)
    const [moved = ''] = parts.splice(random.below(parts.length), 1)
    parts.splice(random.below(parts.length + 1), 0, moved)
    return parts.join('')
  },
  // The beginning of one message and the end of another.
  (text, random, corpus) => {
    const other = random.pick(corpus)
    return text.slice(0, random.below(text.length + 1)) + other.slice(random.below(other.length + 1))
  },
  (text, random, corpus) => text + random.pick(corpus),
  (text, random) => text.slice(0, random.below(text.length + 1)),
  // Numbers a little off, or written in another way.
  (text, random) => {
    const digits = [...text.matchAll(/[0-9A-Fa-f]+(?=\r?\n|;|,)/g)]
    if (digits.length === 0) return text
    const match = random.pick(digits)
    const [found] = match
    const value = Number.parseInt(found, 10)
    const forms = [
      `${value + 1}`,
      `${value - 1}`,
      `0${found}`,
      `+${found}`,
      `-${found}`,
      `0x${found}`,
      ` ${found}`,
      `${found} `,
      `${found},${found}`,
      `${found}.0`,
      `${found}e0`,
      `${2n ** 32n}`,
      `${2n ** 64n}`,
      found.repeat(8),
      value.toString(16),
      '',
    ]
    return text.slice(0, match.index) + random.pick(forms) + text.slice(match.index + found.length)
  },
  // Upper and lower case.
  (text, random) => {
    const at = random.below(text.length + 1)
    const piece = text.slice(at, at + 12)
    const turned = random.below(2) === 0 ? piece.toUpperCase() : piece.toLowerCase()
    return text.slice(0, at) + turned + text.slice(at + 12)
  },
]

/**
 * One to five changes to a message, one character per byte.
 * @param corpus other messages, to take from
 * @param words that mean something to a parser
 */
export function mutate(
  text: string,
  random: Random,
  corpus: readonly string[],
  words: readonly string[],
): string {
  let mutated = text
  // One as often as all other numbers.
  for (let edits = 1 + random.below(2) * random.below(MOST_EDITS); edits > 0; edits -= 1)
    mutated = random.pick(EDITS)(mutated, random, corpus, words)
  return mutated.slice(0, MAX_LENGTH)
}

/** Up to three places where the bytes are cut into segments, in order; most often none. */
export function cuts(text: string, random: Random): number[] {
  if (random.below(2) === 0) return []
  return Array.from({ length: 1 + random.below(3) }, () => place(text, random)).sort((a, b) => a - b)
}
