/** Removes a header from every answer. */
export default {
  name: 'strip-answer',
  responseFilter(session) {
    session.respHeaderMut()?.headers.remove('x-internal-debug')
  },
}
