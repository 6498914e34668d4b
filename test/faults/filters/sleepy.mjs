/* Holds its thread for ever when it is asked to. */
export default {
  name: 'sleepy',
  requestFilter(session) {
    if (session.reqHeader()?.uri.path !== '/stuck') return
    for (;;);
  },
}
