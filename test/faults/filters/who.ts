import { threadId } from 'node:worker_threads'
import type { Filter } from '#src/index.js'

/** Tells which worker thread served a session. */
const who: Filter = {
  name: 'who',
  responseFilter(session) {
    session.respHeaderMut()?.headers.set('x-thread', String(threadId))
  },
}

export default who
