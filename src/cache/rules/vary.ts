import { isToken } from '../../session/header-rules.js'
import { type Fields, lowerList } from './fields.js'

/** The names in a Vary field, in lower case, sorted, each once; `*`: nothing but the origin can choose (RFC 9110 §12.5.5). */
export function varyNames(field: string | null): readonly string[] | '*' {
  if (field === null) return NONE
  const names = lowerList(field)
  // What is no name may have been meant as anything.
  if (names.includes('*') || !names.every(isToken)) return '*'
  return [...new Set(names)].sort()
}

const NONE: readonly string[] = []

/** What a route says about Vary. Names in lower case. */
export interface VaryRules {
  /** Names by which responses may differ; null: any. With another one a response is not stored. */
  readonly allow: readonly string[] | null
  /** Names that are taken for absent: the route knows that the responses do not differ by them. */
  readonly ignore: readonly string[]
  /** Last word about the names. */
  replace?(names: readonly string[]): readonly string[]
}

/** The names that a response is stored under; null: it cannot be stored. */
export function usableVary(names: readonly string[] | '*', rules: VaryRules): readonly string[] | null {
  if (names === '*') return null
  const { allow, ignore } = rules
  const kept = ignore.length === 0 ? names : names.filter((name) => !ignore.includes(name))
  if (allow !== null && !kept.every((name) => allow.includes(name))) return null
  return rules.replace === undefined ? kept : rules.replace(kept)
}

/**
 * What a request says in the fields that a response varies by, as text that is equal for requests that select the same variant
 * (RFC 9111 §4.1). Every part is preceded by its length; a field that is absent differs from one that is empty.
 */
export function variance(names: readonly string[], request: Fields): string {
  let text = ''
  for (const name of names) {
    const value = request.get(name)
    const normal = value === null ? null : normalValue(name, value)
    text += `${name.length}:${name}${normal === null ? '-' : `${normal.length}:${normal}`}`
  }
  return text
}

/** RFC 9111 §4.1: whitespace, order and case where they are known to mean nothing. */
export function normalValue(name: string, value: string): string {
  switch (name) {
    case 'accept-encoding':
    case 'accept-charset':
    case 'accept-language':
    case 'accept':
      return preferences(value)
    default:
      return value.replace(/[ \t]+/g, ' ').trim()
  }
}

/** RFC 9110 §12.4.2: preferences in order of weight, equal ones by name; what is refused (`q=0`) stays, for `*;q=0` and `identity;q=0` mean something. */
function preferences(value: string): string {
  const items: { readonly text: string; readonly weight: number }[] = []
  for (const member of lowerList(value)) {
    const [first = '', ...parameters] = member.split(';').map((part) => part.trim())
    let weight = 1
    let text = first
    for (const parameter of parameters) {
      const q = /^q=(\d(?:\.\d{0,3})?)$/.exec(parameter)
      if (q === null) text += `;${parameter}`
      else weight = Math.min(1, Number(q[1]))
    }
    if (!items.some((item) => item.text === text)) items.push({ text, weight })
  }
  items.sort((a, b) => b.weight - a.weight || (a.text < b.text ? -1 : 1))
  return items.map(({ text, weight }) => (weight === 1 ? text : `${text};q=${weight}`)).join(',')
}
