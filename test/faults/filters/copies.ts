import type { Filter } from '#src/index.js'

/** Copies what the client sent, percent-decoded, to where the path says: the mistake that B15 is about. */
const copies: Filter = {
  name: 'copies',
  requestFilter(session) {
    const { path, query } = session.reqHeader()?.uri ?? { path: '', query: '' }
    if (path === '/to-request') session.reqHeaderMut()?.headers.set('x-copy', decodeURIComponent(query ?? ''))
  },
  responseFilter(session) {
    const { path, query } = session.reqHeader()?.uri ?? { path: '', query: '' }
    if (session.respHeader()?.status.code !== 200) return
    const text = decodeURIComponent(query ?? '')
    if (path === '/to-location') session.respHeaderMut()?.headers.set('location', `/${text}`)
    if (path === '/to-status') session.respHeaderMut()?.setStatus(200, text)
  },
}

export default copies
