import type { RouteConfig } from '../config/types.js'

/** Finds the route of a request. Routes are tried in the order of the configuration; the first match wins. */
export class Router {
  readonly #routes: readonly CompiledRoute[]

  constructor(routes: readonly RouteConfig[]) {
    this.#routes = routes.map(compile)
  }

  /**
   * @param host the Host field's value, port included. @param target the request target.
   * @returns the route's index in the configuration, or -1
   */
  match(method: string, host: string, target: string): number {
    const routes = this.#routes
    for (let i = 0; i < routes.length; i += 1) {
      const route = routes[i]
      if (route === undefined || route.any === true) return i
      if (matches(route, method, host, target)) return i
    }
    return -1
  }
}

const DOT = 0x2e

interface CompiledRoute {
  /** Matches everything: no need to look. */
  readonly any: boolean
  readonly host: string | null
  /** `.example.com` for `*.example.com`. */
  readonly hostSuffix: string | null
  readonly path: string
  readonly isPrefix: boolean
  readonly methods: ReadonlySet<string> | null
}

function compile(route: RouteConfig): CompiledRoute {
  const { host, path, methods } = route.match
  const isPrefix = path.endsWith('/*')
  const wildcard = host?.startsWith('*.') === true
  return {
    any: host === null && path === '/*' && methods === null,
    host: wildcard ? null : host,
    hostSuffix: wildcard && host !== null ? host.slice(1) : null,
    path: isPrefix ? path.slice(0, -1) : path,
    isPrefix,
    methods: methods === null ? null : new Set(methods),
  }
}

function matches(route: CompiledRoute, method: string, host: string, target: string): boolean {
  if (route.methods !== null && !route.methods.has(method)) return false
  if (route.host !== null || route.hostSuffix !== null) {
    const name = hostName(host)
    if (route.host !== null && name !== route.host) return false
    if (
      route.hostSuffix !== null &&
      !(name.length > route.hostSuffix.length && name.endsWith(route.hostSuffix))
    )
      return false
  }
  const query = target.indexOf('?')
  const path = query < 0 ? target : target.slice(0, query)
  return route.isPrefix ? path.startsWith(route.path) : path === route.path
}

/** Host without port, in lower case; an IPv6 address keeps its brackets, a name loses the dot of its root. */
function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  let end = colon > host.lastIndexOf(']') ? colon : host.length
  // `example.com.` is the same name: it must not slip past the routes of `example.com`.
  if (host.charCodeAt(end - 1) === DOT && end > 1) end -= 1
  return host.slice(0, end).toLowerCase()
}
