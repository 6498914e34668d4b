import { defineFilter, proceed, reject } from 'headgate'

/** Refuses requests that carry `x-block`, and says in every answer who served it and how long it took. */
export default defineFilter({
  name: 'greet',
  newCtx: () => ({ startMs: performance.now() }),
  requestFilter(session) {
    if (session.reqHeader()?.headers.has('x-block')) return reject(403, 'blocked')
    return proceed()
  },
  responseFilter(session, ctx) {
    const headers = session.respHeaderMut()?.headers
    headers?.append('x-served-by', 'headgate')
    headers?.append('x-took-ms', (performance.now() - ctx.startMs).toFixed(1))
  },
})
