import type { Filter } from '#src/index.js'

/** Lower case to upper case, byte by byte, so that it does not matter how a body is cut. */
function shout(bytes: Readonly<Uint8Array>): Uint8Array {
  const loud = new Uint8Array(bytes)
  for (let i = 0; i < loud.length; i += 1) {
    const byte = loud[i] ?? 0
    if (byte >= 0x61 && byte <= 0x7a) loud[i] = byte - 0x20
  }
  return loud
}

/** Changes bodies in every way there is, as its options say. */
export default function createShout(options: Readonly<Record<string, unknown>>): Filter {
  const name = 'shout'
  switch (options['where']) {
    case 'stream':
      return {
        name,
        async requestBodyFilter(_session, chunk) {
          await null
          return shout(chunk)
        },
        async responseBodyFilter(_session, chunk) {
          await new Promise((resolve) => setImmediate(resolve))
          return shout(chunk)
        },
      }
    case 'buffer':
      return {
        name,
        bufferRequestBody: true,
        bufferResponseBody: true,
        requestFilter(session) {
          if (session.requestBody !== null) session.requestBody = shout(session.requestBody)
        },
        responseFilter(session) {
          if (session.responseBody !== null) session.responseBody = shout(session.responseBody)
        },
      }
    default:
      return {
        name,
        requestFilter(session) {
          const length = Number(session.reqHeader()?.headers.get('x-length'))
          const headers = { 'content-type': 'text/plain', 'set-cookie': ['a=1', 'b=2'] }
          return {
            kind: 'respond',
            response: { status: 200, headers, body: new Uint8Array(length).fill(0x41) },
          }
        },
      }
  }
}
