import type { Filter } from '#src/lifecycle/index.js'

/** What comes from the upstream is stored in capitals, what goes down has a mark of its own each time. */
const filter: Filter = {
  name: 'shout',
  async upstreamResponseBodyFilter(_, chunk) {
    await new Promise((resolve) => setImmediate(resolve))
    return new TextEncoder().encode(new TextDecoder().decode(chunk).toUpperCase())
  },
  responseBodyFilter: (_, chunk, end) => (end ? new TextEncoder().encode('!') : chunk),
}

export default filter
