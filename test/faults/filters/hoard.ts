import type { Filter } from '#src/index.js'

const kept: Buffer[] = []

/** Keeps Buffers for ever, which the limits of V8's heaps do not count. */
const hoard: Filter = {
  name: 'hoard',
  requestFilter(session) {
    if (session.reqHeader()?.uri.path === '/hoard') kept.push(Buffer.alloc(50 * 1024 * 1024, 1))
  },
}

export default hoard
