/** Reads the path, and rejects what nobody asks for. */
export default {
  name: 'guard-path',
  requestFilter(session) {
    if (session.reqHeader()?.uri.path.startsWith('/private/') === true)
      return { kind: 'reject', status: 404, reason: 'private' }
  },
}
