import type { Filter } from '#src/lifecycle/index.js'

/** Does what a request's fields say, in every hook of the cache, and notes in the answer which were called. */
const filter: Filter<{ notes: string[] }> = {
  name: 'hooks',
  newCtx: () => ({ notes: [] }),
  requestCacheFilter(session, ctx) {
    ctx.notes.push('request')
    return session.reqHeader()?.headers.has('x-no-cache') === true ? false : undefined
  },
  cacheKey: (session) => session.reqHeader()?.headers.get('x-key') ?? undefined,
  cacheHitFilter(session, answer, ctx) {
    ctx.notes.push(`hit-${answer.response.status.code}-${answer.ageS}`)
    const said = session.reqHeader()?.headers.get('x-hit')
    return said === 'fresh' || said === 'expired' || said === 'miss' ? said : undefined
  },
  cacheMiss: (_, ctx) => void ctx.notes.push('miss'),
  responseCacheFilter(session, response, ctx) {
    ctx.notes.push('response')
    if (response.headers.has('x-private')) return false
    return session.reqHeader()?.headers.has('x-do-not-store') === true ? false : undefined
  },
  cacheVaryFilter: (_, names) => [...names, 'x-device'],
  shouldServeStale: (session) =>
    session.reqHeader()?.headers.has('x-no-stale') === true ? false : undefined,
  responseFilter(session, ctx) {
    const { cacheResult, cacheEnabled } = session
    session.respHeaderMut()?.headers.append('x-notes', ctx.notes.join(' '))
    session.respHeaderMut()?.headers.append('x-result', `${cacheResult?.status ?? 'none'} ${cacheEnabled}`)
  },
}

export default filter
