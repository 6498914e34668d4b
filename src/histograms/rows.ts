/**
 * Name of the row behind those of the routes: requests that no route took, and what the acceptor refused before it looked for one. No route
 * can be called so: their names hold a `/` or a `*`.
 */
export const UNROUTED = '_unrouted'

/** Names of the rows of histograms, by index: those of the routes, then {@link UNROUTED}. */
export function rowNames(routes: readonly { readonly name: string }[]): string[] {
  return [...routes.map(({ name }) => name), UNROUTED]
}

/** Writers of histograms: one for each worker, and behind them the acceptor, for what it answers itself. */
export function histogramWriters(workers: number): number {
  return workers + 1
}
