import type { Filter } from '#src/index.js'

/** Takes no 503 from a peer while there is another one, and refuses requests that ask for it. */
const picky: Filter = {
  name: 'picky',
  requestFilter(session) {
    if (session.reqHeader()?.headers.get('x-block') === null) return undefined
    return { kind: 'reject', status: 403, reason: 'blocked' }
  },
  upstreamResponseFilter(_session, response) {
    return response.code === 503 ? { kind: 'retry' } : undefined
  },
}

export default picky
