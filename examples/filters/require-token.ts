import { createUserContext, defineFilter, type FilterFactory, reject, setUserContext } from 'headgate'

/** Lets nobody in without a token that `with: { tokens: { TOKEN: USER } }` knows, and tells the upstream who it is. */
const requireToken: FilterFactory = (options) => {
  const tokens = new Map(Object.entries((options['tokens'] ?? {}) as Record<string, string>))
  if (tokens.size === 0) throw new Error("'tokens' is missing")
  return {
    name: 'require-token',
    requestFilter(session) {
      const request = session.reqHeaderMut()
      const token = request?.headers.get('authorization')?.replace(/^Bearer /, '') ?? ''
      const userId = tokens.get(token)
      if (request === null || userId === undefined) return reject(401, 'a token is needed')
      request.headers.remove('authorization')
      request.headers.set('x-user', userId)
      setUserContext(session, createUserContext({ userId, requestId: session.requestId(), authLevel: 1 }))
      return undefined
    },
  }
}

export default defineFilter(requireToken)
