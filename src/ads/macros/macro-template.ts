import { type MacroInfo, VAST_MACROS } from './macro-table.js'

/** A place in a template where a value belongs. */
export interface MacroSlot {
  readonly name: string
  /** As it stands in the text, to be left there when the macro is not ours. */
  readonly raw: string
  readonly family: 'vast' | 'brace'
  /** Of a macro on the IAB's list. */
  readonly info: MacroInfo | undefined
  /** `X` of `${NAME:X}`, upper case. */
  readonly modifier: string | undefined
  /** 2 inside a URL that is itself an encoded parameter value, so that the inner URL cannot be changed either. */
  readonly encodings: 1 | 2
}

/** A text cut into what stays and what is replaced: `literals` has one more element than `slots`. */
export interface MacroTemplate {
  readonly literals: readonly string[]
  readonly slots: readonly MacroSlot[]
}

export interface TemplateSyntax {
  /** Also `[timestamp]`: names are compared in upper case. Default false: the IAB prints names in upper case (F-48). */
  readonly ignoreCase?: boolean
  /** Also `%%NAME%%`, and `[RANDOM]` for `[CACHEBUSTING]`, as some ad servers write. Default false. */
  readonly legacy?: boolean
}

const NAME = '([A-Z0-9_]{1,64})'
const BRACKETS = `(\\[|%5[Bb])${NAME}(?:\\]|%5[Dd])`
const BRACES = `(?:\\$|%24)(?:\\{|%7[Bb])${NAME}(?:(?::|%3[Aa])([A-Za-z0-9]{1,16}))?(?:\\}|%7[Dd])`
const PERCENTS = `%%${NAME}%%`

const SYNTAX = [
  new RegExp(`${BRACKETS}|${BRACES}`, 'g'),
  new RegExp(`${BRACKETS}|${BRACES}`, 'gi'),
  new RegExp(`${BRACKETS}|${BRACES}|${PERCENTS}`, 'g'),
  new RegExp(`${BRACKETS}|${BRACES}|${PERCENTS}`, 'gi'),
] as const

const LEGACY_NAMES: ReadonlyMap<string, string> = new Map([['RANDOM', 'CACHEBUSTING']])

/**
 * Cuts a URL at its macros: `[NAME]`, `${NAME}` and `${NAME:X}`, each also percent-encoded. Values are put in later in one pass and are
 * never looked at again, so that a value with a macro in it stays what it is (F-18). Linear in the length of the text.
 */
export function compileTemplate(text: string, syntax: TemplateSyntax = {}): MacroTemplate {
  const legacy = syntax.legacy === true
  const ignoreCase = syntax.ignoreCase === true || legacy
  const pattern = SYNTAX[(legacy ? 2 : 0) + (ignoreCase ? 1 : 0)] ?? SYNTAX[0]
  const literals: string[] = []
  const slots: MacroSlot[] = []
  let end = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const raw = match[0]
    const written = (match[2] ?? match[3] ?? match[5] ?? '').toUpperCase()
    const name = legacy ? (LEGACY_NAMES.get(written) ?? written) : written
    const family = match[3] === undefined ? 'vast' : 'brace'
    literals.push(text.slice(end, match.index))
    slots.push({
      name,
      raw,
      family,
      info: family === 'vast' ? VAST_MACROS.get(name) : undefined,
      modifier: match[4]?.toUpperCase(),
      encodings: raw.startsWith('%5') || /%7[Bb]/.test(raw) ? encodingsAt(text, match.index, raw.length) : 1,
    })
    end = match.index + raw.length
  }
  literals.push(text.slice(end))
  return { literals, slots }
}

/** A whole parameter value that looks like an encoded URL or query: `://`, `?`, `&`, `=` or a leading `/` in it. */
const NESTED = /%3A%2F%2F|%3F|%26|%3D|^%2F/i

function encodingsAt(text: string, start: number, length: number): 1 | 2 {
  const query = text.indexOf('?')
  if (query < 0 || query > start) return 1
  const before = text.slice(Math.max(query, text.lastIndexOf('&', start)) + 1, start)
  const equals = before.indexOf('=')
  if (equals < 0) return 1
  const rest = text.slice(start + length)
  const stop = rest.search(/[&#]/)
  const value = before.slice(equals + 1) + (stop < 0 ? rest : rest.slice(0, stop))
  return NESTED.test(value) ? 2 : 1
}
