import type { Filter, reject } from '#src/index.js'

/** What it does with a WebSocket is told by the path. */
const gatekeeper: Filter = {
  name: 'gatekeeper',
  requestFilter(session) {
    const { path } = session.reqHeader()?.uri ?? { path: '' }
    if (path === '/ws/locked')
      return { kind: 'reject', status: 401, reason: 'no entrance' } as ReturnType<typeof reject>
    if (path === '/ws/dies') setTimeout(() => process.exit(0), 300)
    return undefined
  },
  upstreamRequestFilter(_session, request) {
    request.headers.append('x-guarded', request.headers.get('sec-websocket-version') ?? '')
  },
  upstreamResponseFilter(session, response) {
    if (session.reqHeader()?.uri.path !== '/ws/late') return undefined
    return { kind: 'reject', status: 403, reason: `no ${response.code}` } as ReturnType<typeof reject>
  },
  responseFilter(session) {
    const answer = session.respHeaderMut()
    answer?.headers.append('x-seen', String(answer.code))
  },
}

export default gatekeeper
