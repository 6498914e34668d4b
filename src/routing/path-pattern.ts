import { matchesGlob } from './glob.js'
import { canonicalEscapes } from './normal-target.js'

/** One segment of a path pattern. `deep` (`**`) stands for any number of segments, also none. */
export type Segment =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'param'; readonly name: string }
  | { readonly kind: 'glob'; readonly parts: readonly string[] }
  | { readonly kind: 'deep' }

/** A parsed `match.path`. */
export interface PathPattern {
  readonly segments: readonly Segment[]
  /** It ends in `/*`: everything behind the segments, at least their closing slash. */
  readonly rest: boolean
  /** Names of its parameters in order. */
  readonly params: readonly string[]
}

/** Values of a route's parameters as they stand in the path: percent-escapes untouched, never empty but for `*`. */
export type PathParams = Readonly<Record<string, string>>

/** A pattern that cannot be. `needle` is the part of it that is meant. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
  readonly needle: string
  readonly hint: string
  constructor(message: string, needle: string, hint: string) {
    super(message)
    this.needle = needle
    this.hint = hint
  }
}

const PARAM = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/**
 * Reads a path pattern: `/exact`, `/prefix/*`, `/users/:id`, `/img/*.png`, `/a/**` + `/z`. A `:` begins a parameter only at the
 * start of a segment, and `*` is everything below only as the last segment; elsewhere it stays within its segment.
 * @param text begins with `/`
 * @throws PatternError
 */
export function parsePathPattern(text: string): PathPattern {
  const rest = text.endsWith('/*')
  const inner = rest ? text.slice(1, Math.max(1, text.length - 2)) : text.slice(1)
  const segments = rest && text.length === 2 ? [] : inner.split('/').map(parseSegment)
  const params: string[] = []
  for (const [index, segment] of segments.entries()) {
    if (segment.kind === 'deep' && index === segments.length - 1) {
      throw new PatternError("'**' is possible only before another segment", '**', "'/*' is everything below")
    }
    if (segment.kind !== 'param') continue
    const { name } = segment
    if (params.includes(name)) throw new PatternError(`':${name}' is there twice`, `:${name}`, 'rename one')
    if (segments.slice(0, index).some(({ kind }) => kind === 'deep')) {
      throw new PatternError(
        `':${name}' stands behind '**', so its place is not known`,
        `:${name}`,
        "write '*'",
      )
    }
    params.push(name)
  }
  return { segments, rest, params }
}

function parseSegment(text: string): Segment {
  if (text === '**') return { kind: 'deep' }
  if (text.includes('**')) throw new PatternError("'**' is a segment of its own", text, "for example '/**/x'")
  if (text.startsWith(':')) {
    const name = text.slice(1)
    if (PARAM.test(name)) return { kind: 'param', name }
    const hint = "a letter, then letters, digits and '_': '/users/:id'"
    throw new PatternError(`'${text}' is not a parameter`, text, hint)
  }
  const canonical = canonicalEscapes(text)
  return text.includes('*')
    ? { kind: 'glob', parts: canonical.split('*') }
    : { kind: 'literal', text: canonical }
}

/** Whether a segment that is no `deep` matches the text. Nothing but a literal matches an empty one. */
export function segmentMatches(segment: Segment, text: string): boolean {
  if (segment.kind === 'literal') return segment.text === text
  return text !== '' && (segment.kind !== 'glob' || matchesGlob(segment.parts, text))
}

/** The parameters of a path that matches; with `rest` also `*`, what stands behind the last slash of the pattern. */
export function pathParams({ segments, rest }: PathPattern, path: string): PathParams {
  const params: Record<string, string> = Object.create(null)
  let at = 1
  for (const segment of segments) {
    if (segment.kind === 'deep') return params
    const slash = path.indexOf('/', at)
    const end = slash < 0 ? path.length : slash
    if (segment.kind === 'param') params[segment.name] = path.slice(at, end)
    at = end + 1
  }
  if (rest) params['*'] = path.slice(at)
  return params
}

/** Names that {@link pathParams} gives. */
export function paramNames(pattern: PathPattern): string[] {
  const hasRest = pattern.rest && pattern.segments.every(({ kind }) => kind !== 'deep')
  return hasRest ? [...pattern.params, '*'] : [...pattern.params]
}

/** Does every path that `later` matches also match `earlier`? May say no where it is hard to tell. */
export function patternCovers(earlier: PathPattern, later: PathPattern): boolean {
  const count = earlier.segments.length
  if (earlier.rest ? later.segments.length < count : later.rest) return false
  // `/a/*` needs the slash behind `a`: another segment, or a rest of its own.
  if (earlier.rest && later.segments.length === count && !later.rest) return false
  if (!earlier.rest && later.segments.length !== count) return false
  return earlier.segments.every((segment, index) => segmentCovers(segment, later.segments[index]))
}

function segmentCovers(earlier: Segment, later: Segment | undefined): boolean {
  if (later === undefined) return false
  if (earlier.kind === 'deep' || later.kind === 'deep') return earlier.kind === later.kind
  if (later.kind === 'literal') return segmentMatches(earlier, later.text)
  if (earlier.kind === 'param') return true
  if (earlier.kind === 'literal' || later.kind === 'param') {
    return earlier.kind === 'glob' && earlier.parts.every((part) => part === '')
  }
  return earlier.parts.join('*') === later.parts.join('*')
}
