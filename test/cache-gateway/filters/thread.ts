import { writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import type { Filter } from '#src/lifecycle/index.js'

/** Tells which worker has answered. Whoever fetches for all with `?die=FILE` dies in the middle, unless another has done so before. */
const filter: Filter = {
  name: 'thread',
  responseFilter(session) {
    session.respHeaderMut()?.headers.append('x-thread', String(threadId))
  },
  connectedToUpstream(session) {
    const file = new URLSearchParams(session.reqHeader()?.uri.query).get('die')
    if (file === null) return
    try {
      writeFileSync(file, '', { flag: 'wx' })
    } catch {
      return
    }
    setTimeout(() => process.exit(1), 150)
  },
}

export default filter
