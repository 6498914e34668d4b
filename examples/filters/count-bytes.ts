import { defineFilter } from 'headgate'

/** Counts a streamed body while it passes, without holding any of it, and logs what large answers cost. */
export default defineFilter({
  name: 'count-bytes',
  newCtx: () => ({ bytes: 0 }),
  responseBodyFilter(_session, chunk, _endOfStream, ctx) {
    ctx.bytes += chunk.length
    return undefined
  },
  logging(session, error, ctx) {
    if (ctx.bytes < 1_000_000) return
    const { responseSent, requestStart } = session.timing
    const tookMs = responseSent === null ? null : Math.round(responseSent - requestStart)
    console.info({ path: session.reqHeader()?.uri.path, bytes: ctx.bytes, tookMs, error: error?.reason })
  },
})
