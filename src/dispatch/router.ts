import type { RouteConfig } from '../config/types.js'
import {
  type FieldCondition,
  fieldOf,
  holds,
  hostName,
  PathTree,
  parameterOf,
  parsePathPattern,
} from '../routing/index.js'

/** What a route asks for beside host and path. */
interface Conditions {
  readonly methods: ReadonlySet<string> | null
  readonly headers: readonly FieldCondition[]
  readonly query: readonly FieldCondition[]
}

const NONE: readonly FieldCondition[] = []

/**
 * Finds the route of a request. Of all that match, the first of the configuration wins. Compiled into a tree of path segments per host, so that a
 * thousand routes cost hardly more than one.
 */
export class Router {
  /** Some route depends on more of a request than method, host and target. */
  readonly looksAtFields: boolean
  readonly #count: number
  readonly #conditions: readonly (Conditions | null)[]
  readonly #anyHost = new PathTree()
  readonly #hosts = new Map<string, PathTree>()
  /** By what follows the star: `.example.com`. */
  readonly #wildcards = new Map<string, PathTree>()
  /** The first route that takes everything, also `*`; the number of routes when there is none. */
  readonly #catchAll: number
  #method = ''
  #query = ''
  #fields = ''
  /** One function for all requests: it looks at the fields above. */
  readonly #accepts = (route: number): boolean => this.#holds(this.#conditions[route] ?? null)

  constructor(routes: readonly RouteConfig[]) {
    this.#count = routes.length
    this.looksAtFields = routes.some(({ match: { headers = NONE } }) => headers.length > 0)
    this.#conditions = routes.map(({ match: { methods, headers = NONE, query = NONE } }) =>
      methods === null && headers.length === 0 && query.length === 0
        ? null
        : { methods: methods === null ? null : new Set(methods), headers, query },
    )
    const catchAll = routes.findIndex(
      ({ match }, index) => match.host === null && match.path === '/*' && this.#conditions[index] === null,
    )
    this.#catchAll = catchAll < 0 ? routes.length : catchAll
    // What comes behind a route that takes everything is never reached.
    for (const [index, { match }] of routes.slice(0, this.#catchAll).entries()) {
      this.#treeFor(match.host).add(parsePathPattern(match.path), index)
    }
  }

  /**
   * @param host the Host field's value, port included
   * @param target the request target in normal form
   * @param fields lines of the header section for conditions on headers, names in lower case
   * @returns the route's index in the configuration, or -1
   */
  match(method: string, host: string, target: string, fields = ''): number {
    let best = this.#catchAll
    if (best > 0 && target.charCodeAt(0) === 0x2f) {
      const mark = target.indexOf('?')
      const path = mark < 0 ? target : target.slice(0, mark)
      this.#method = method
      this.#query = mark < 0 ? '' : target.slice(mark + 1)
      this.#fields = fields
      best = this.#anyHost.find(path, best, this.#accepts)
      if (this.#hosts.size + this.#wildcards.size > 0) best = this.#findHost(hostName(host), path, best)
    }
    return best === this.#count ? -1 : best
  }

  #findHost(name: string, path: string, below: number): number {
    let best = this.#hosts.get(name)?.find(path, below, this.#accepts) ?? below
    if (this.#wildcards.size === 0) return best
    // `.a.b` for `x.a.b`; a name that begins with a dot has no first label for the star.
    for (let dot = name.indexOf('.', 1); dot > 0; dot = name.indexOf('.', dot + 1)) {
      const tree = this.#wildcards.get(name.slice(dot))
      if (tree !== undefined) best = tree.find(path, best, this.#accepts)
    }
    return best
  }

  #holds(conditions: Conditions | null): boolean {
    if (conditions === null) return true
    const { methods, headers, query } = conditions
    if (methods !== null && !methods.has(this.#method)) return false
    for (const condition of headers)
      if (!holds(condition, fieldOf(this.#fields, condition.name))) return false
    for (const condition of query)
      if (!holds(condition, parameterOf(this.#query, condition.name))) return false
    return true
  }

  #treeFor(host: string | null): PathTree {
    if (host === null) return this.#anyHost
    const [trees, key] = host.startsWith('*.') ? [this.#wildcards, host.slice(1)] : [this.#hosts, host]
    const tree = trees.get(key) ?? new PathTree()
    trees.set(key, tree)
    return tree
  }
}
