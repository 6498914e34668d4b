import type { GatewayConfig } from '../config/types.js'
import { type Route, seesHits } from '../lifecycle/index.js'

/**
 * Routes whose hits need no worker: those with a cache, none of whose filters must see them. The built-in filter `headers` is data that the
 * acceptor applies itself.
 */
export function hitRoutes(config: GatewayConfig, routes: readonly Route[]): number[] {
  return config.routes.flatMap(({ cache, mirror, filters }, index) => {
    if (cache === undefined || mirror !== undefined) return []
    const loaded = routes[index]?.chain.filters ?? []
    const isSeen = loaded.some((filter, at) => {
      const ref = filters[at]
      return !(ref?.kind === 'builtin' && ref.name === 'headers') && seesHits(filter)
    })
    return isSeen ? [] : [index]
  })
}
