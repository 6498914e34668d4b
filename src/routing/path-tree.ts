import { matchesGlob } from './glob.js'
import { type PathPattern, type Segment, segmentMatches } from './path-pattern.js'

/** Says whether a route's other conditions hold. */
export type Accept = (route: number) => boolean

/** What lies below one segment of the patterns. Lists of routes are in ascending order. */
class Node {
  /** The lowest route in here: nothing lower can be found by looking. */
  lowest = Number.POSITIVE_INFINITY
  literals: Map<string, Node> | null = null
  param: Node | null = null
  globs: { readonly parts: readonly string[]; readonly node: Node }[] | null = null
  /** From `**` on: matched as a whole. */
  deeps: { readonly route: number; readonly segments: readonly Segment[]; readonly rest: boolean }[] | null =
    null
  ends: number[] | null = null
  rests: number[] | null = null
}

/**
 * The path patterns of many routes, by segment: finding one costs by the length of the path and hardly by the number of routes. Of all that match,
 * the lowest route that is accepted is found, so that the order of the configuration decides.
 */
export class PathTree {
  readonly #root = new Node()

  /** Routes are added in ascending order. */
  add(pattern: PathPattern, route: number): void {
    let node = this.#root
    node.lowest = Math.min(node.lowest, route)
    for (const [index, segment] of pattern.segments.entries()) {
      if (segment.kind === 'deep') {
        node.deeps ??= []
        node.deeps.push({ route, segments: pattern.segments.slice(index), rest: pattern.rest })
        return
      }
      node = child(node, segment)
      node.lowest = Math.min(node.lowest, route)
    }
    if (pattern.rest) {
      node.rests ??= []
      node.rests.push(route)
    } else {
      node.ends ??= []
      node.ends.push(route)
    }
  }

  /**
   * @param path begins with `/`, without query
   * @param below only routes lower than this are of interest
   * @returns the route, or `below` when there is none
   */
  find(path: string, below: number, accept: Accept): number {
    return find(this.#root, path, 1, below, accept)
  }
}

function child(node: Node, segment: Exclude<Segment, { kind: 'deep' }>): Node {
  if (segment.kind === 'param') {
    node.param ??= new Node()
    return node.param
  }
  if (segment.kind === 'literal') {
    node.literals ??= new Map()
    const known = node.literals.get(segment.text) ?? new Node()
    node.literals.set(segment.text, known)
    return known
  }
  node.globs ??= []
  const text = segment.parts.join('*')
  const known = node.globs.find(({ parts }) => parts.join('*') === text)
  if (known !== undefined) return known.node
  const made = new Node()
  node.globs.push({ parts: segment.parts, node: made })
  return made
}

/** @param at where the next segment begins; beyond the end of the path when there is none */
function find(node: Node, path: string, at: number, below: number, accept: Accept): number {
  if (node.lowest >= below) return below
  if (at > path.length) return lowest(node.ends, below, accept)
  let best = lowest(node.rests, below, accept)
  const { literals, param, globs, deeps } = node
  if (deeps !== null) best = findDeep(deeps, path, at, best, accept)
  if (literals === null && param === null && globs === null) return best
  const slash = path.indexOf('/', at)
  const end = slash < 0 ? path.length : slash
  const segment = path.slice(at, end)
  if (literals !== null) {
    const next = literals.get(segment)
    if (next !== undefined) best = find(next, path, end + 1, best, accept)
  }
  if (segment === '') return best
  if (param !== null) best = find(param, path, end + 1, best, accept)
  if (globs !== null) {
    for (const { parts, node: next } of globs) {
      if (matchesGlob(parts, segment)) best = find(next, path, end + 1, best, accept)
    }
  }
  return best
}

function lowest(routes: readonly number[] | null, below: number, accept: Accept): number {
  if (routes === null) return below
  for (const route of routes) {
    if (route >= below) return below
    if (accept(route)) return route
  }
  return below
}

function findDeep(
  deeps: NonNullable<Node['deeps']>,
  path: string,
  at: number,
  below: number,
  accept: Accept,
): number {
  const parts = path.slice(at).split('/')
  for (const { route, segments, rest } of deeps) {
    if (route >= below) return below
    if (deepMatches(segments, rest, parts) && accept(route)) return route
  }
  return below
}

/**
 * Segments with `**` among them. The last `**` gives way by one segment at a time and no earlier one ever has to, so this costs at most
 * the product of both lengths.
 */
function deepMatches(segments: readonly Segment[], rest: boolean, parts: readonly string[]): boolean {
  let s = 0
  let p = 0
  let afterDeep = -1
  let resume = 0
  for (;;) {
    const segment = segments[s]
    if (segment === undefined) {
      // A rest takes at least its slash: there has to be another part, be it empty.
      if (rest ? p < parts.length : p === parts.length) return true
    } else if (segment.kind === 'deep') {
      s += 1
      afterDeep = s
      resume = p
      continue
    } else if (p < parts.length && segmentMatches(segment, parts[p] ?? '')) {
      s += 1
      p += 1
      continue
    }
    if (afterDeep < 0 || resume >= parts.length) return false
    resume += 1
    p = resume
    s = afterDeep
  }
}
