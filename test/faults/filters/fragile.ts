import { existsSync } from 'node:fs'
import type { Filter } from '#src/index.js'

// While the module is evaluated, so that the failure stays in the module cache of its thread.
if (existsSync(new URL('./no-database', import.meta.url))) throw new Error('the database is not there')

/** Cannot be loaded while a file lies beside it, and ends its worker on request. */
const fragile: Filter = {
  name: 'fragile',
  requestFilter(session) {
    if (session.reqHeader()?.uri.path === '/exit') process.exit(1)
  },
}

export default fragile
