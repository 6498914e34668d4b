import type { RouteConfig } from '../config/types.js'
import { parsePathPattern, RouteAnswerer } from '../routing/index.js'

/**
 * For each route what answers on it without a worker; null where a worker is needed, for an upstream or for filters. The edits of the built-in filter
 * `headers` to answers are data that the acceptor applies itself.
 */
export function routeAnswers(routes: readonly RouteConfig[]): (RouteAnswerer | null)[] {
  return routes.map(({ action, filters, match }) =>
    action === undefined || filters.some(({ kind, name }) => kind !== 'builtin' || name !== 'headers')
      ? null
      : new RouteAnswerer(action, parsePathPattern(match.path)),
  )
}
