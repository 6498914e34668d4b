/** Tells the upstream something. */
export default {
  name: 'mark-request',
  upstreamRequestFilter(_session, request) {
    request.headers.set('x-tier', 'gold')
  },
}
