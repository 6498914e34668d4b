import { defineFilter, retry } from 'headgate'

/** Keeps a user on one peer, and goes to another one when it says that it is busy. */
export default defineFilter({
  name: 'another-peer',
  upstreamPeer(session, candidates) {
    const wanted = session.reqHeader()?.headers.get('x-peer')
    return candidates.find((peer) => `${peer.address}:${peer.port}` === wanted) ?? null
  },
  upstreamResponseFilter(_session, response) {
    // Only for requests that may be repeated: the gateway takes the filter at its word.
    return response.status.code === 503 ? retry() : undefined
  },
})
