import type { Filter } from '#src/lifecycle/index.js'

/** Lets in who says who he is. */
const filter: Filter = {
  name: 'sign-in',
  requestFilter: (session) =>
    session.reqHeader()?.headers.get('authorization') === null
      ? { kind: 'reject', status: 401, reason: 'sign in first' }
      : { kind: 'reject', status: 403, reason: 'not for you' },
}

export default filter
