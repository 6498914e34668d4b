import type { Filter } from '#src/index.js'

/** Says in the answer what it has seen of the request, and tries to give the answer an id of its own. */
const filter: Filter = {
  name: 'params',
  responseFilter(session) {
    const headers = session.respHeaderMut()?.headers
    headers?.set('x-params', JSON.stringify(session.params()))
    headers?.set('x-client', session.clientAddress())
    headers?.set('X-Request-Id', 'of-a-filter')
  },
}

export default filter
