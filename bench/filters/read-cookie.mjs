/** Looks for something in a header of the request. */
export default {
  name: 'read-cookie',
  newCtx: () => ({ known: false }),
  requestFilter(session, ctx) {
    ctx.known = session.reqHeader()?.headers.get('cookie')?.includes('session=') === true
  },
}
