import { pour, readSlowly, type SlowReading } from './big-body.js'
import { HttpOrigin } from './http-origin.js'

/** An origin that sends (`GET /down/FRAMING/BYTES`) and receives (`POST /up`, slowly) one large body. */
export async function startTransferOrigin(reading: SlowReading): Promise<HttpOrigin> {
  return await HttpOrigin.start(async (request, response) => {
    const down = /^\/down\/(length|chunked)\/(\d+)$/.exec(request.url ?? '')
    if (down !== null) {
      const bytes = Number(down[2])
      response.writeHead(200, down[1] === 'length' ? { 'content-length': bytes } : {})
      await pour(bytes, response, reading.sent)
      response.end()
      return
    }
    await readSlowly(request as AsyncIterable<Buffer>, reading)
    response.writeHead(200, {
      'content-length': 0,
      'x-framing': request.headers['transfer-encoding'] ?? 'length',
    })
    response.end()
  })
}
