// Keep-alive load without tools: raw-load.mjs URL SECONDS. Says `N requests in` like wrk.

import { connect } from 'node:net'

const url = new URL(process.argv[2] ?? '')
const endAt = Date.now() + Number(process.argv[3] ?? 1) * 1000
const CONNECTIONS = 64
const request = Buffer.from(
  `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\nAccept: */*\r\n` +
    'Accept-Encoding: gzip, deflate, br\r\nAccept-Language: en-US,en;q=0.9\r\nCache-Control: max-age=0\r\n' +
    'Cookie: session=0123456789abcdef; theme=dark\r\nReferer: http://example.com/\r\nUser-Agent: raw-load\r\n\r\n',
)
let answers = 0
let open = CONNECTIONS

for (let i = 0; i < CONNECTIONS; i += 1) {
  const socket = connect({ host: url.hostname, port: Number(url.port), noDelay: true })
  socket.on('connect', () => socket.write(request))
  socket.on('data', () => {
    // Answers are small and come one at a time, so one read is one answer.
    answers += 1
    if (Date.now() < endAt) socket.write(request)
    else socket.destroy()
  })
  socket.on('close', () => {
    open -= 1
    if (open === 0) console.log(`${answers} requests in`)
  })
}
