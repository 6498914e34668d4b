import { existsSync, writeFileSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
import type { Filter } from '#src/lifecycle/index.js'

/**
 * Tells which worker has answered. Whoever fetches for all with `?die=FILE` dies in the middle, unless another has done so before; with `&when=FILE` as soon as
 * there is that file. With `?answer` it answers itself whatever of a hit would have to be asked of the upstream.
 */
const filter: Filter = {
  name: 'thread',
  responseFilter(session) {
    session.respHeaderMut()?.headers.append('x-thread', String(threadId))
  },
  upstreamRequestFilter(session) {
    const isResumed = session.cacheResult?.status === 'hit'
    const isWanted = new URLSearchParams(session.reqHeader()?.uri.query).has('answer')
    return isResumed && isWanted ? { kind: 'respond', response: { status: 200, body: 'own' } } : undefined
  },
  connectedToUpstream(session) {
    const query = new URLSearchParams(session.reqHeader()?.uri.query)
    const [file, when] = [query.get('die'), query.get('when')]
    if (file === null) return
    try {
      writeFileSync(file, '', { flag: 'wx' })
    } catch {
      return
    }
    if (when === null) setTimeout(() => process.exit(1), 150)
    else setInterval(() => existsSync(when) && process.exit(1), 10)
  },
}

export default filter
