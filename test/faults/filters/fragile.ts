import { existsSync } from 'node:fs'
import type { Filter } from '#src/index.js'

/** Fails while it is loaded as long as a file exists, and ends its worker on request. */
export default function createFragile(options: Readonly<Record<string, unknown>>): Filter {
  if (existsSync(String(options['brokenWhile']))) throw new Error('the database is not there')
  return {
    name: 'fragile',
    requestFilter(session) {
      if (session.reqHeader()?.uri.path === '/exit') process.exit(1)
    },
  }
}
