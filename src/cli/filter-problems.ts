import type { LoadedConfig } from '../config/load.js'
import type { ConfigProblem } from '../config/problem.js'
import { problemAt } from '../config/source.js'
import { FilterLoadError, loadFilter } from '../filters/index.js'

/** Loads every filter of a config as a worker would, and tells which cannot be used: module, shape or options. Routes that serve ads are checked as well. */
export async function filterProblems({ config, written }: LoadedConfig): Promise<ConfigProblem[]> {
  const problems: ConfigProblem[] = []
  for (const [routeIndex, route] of config.routes.entries()) {
    for (const [index, ref] of route.filters.entries()) {
      try {
        await loadFilter(ref)
      } catch (error) {
        if (!(error instanceof FilterLoadError)) throw error
        const path = ['routes', routeIndex, 'filters', index]
        problems.push(problemAt(written.sourceOf(path), 'invalid-filter', path, error.message))
      }
    }
    if (route.adserving === undefined) continue
    const { checkAdRoute } = await import('../ads/route/index.js')
    for (const problem of checkAdRoute(route.adserving)) {
      const path = ['routes', routeIndex, 'adserving', ...problem.path]
      const details = { hint: problem.hint }
      problems.push(problemAt(written.sourceOf(path), 'invalid-value', path, problem.message, details))
    }
  }
  return problems
}
