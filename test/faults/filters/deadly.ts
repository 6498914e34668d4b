import { defineFilter } from 'headgate'

export default defineFilter({
  name: 'deadly',
  requestFilter(session) {
    if (session.reqHeader()?.uri.path === '/die') process.exit(1)
  },
})
