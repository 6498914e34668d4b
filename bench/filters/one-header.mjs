/** The smallest useful filter: one header more on every answer. */
export default {
  name: 'one-header',
  responseFilter(session) {
    session.respHeaderMut()?.headers.append('x-served-by', 'headgate')
  },
}
