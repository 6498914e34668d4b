import { createServer } from 'node:http'
import fastProxy from 'fast-proxy'
import { countRequests } from './count-requests.mjs'

const { proxy } = fastProxy({
  base: process.env.ORIGIN,
  undici: { connections: Number(process.env.CONNECTIONS) },
})
const server = createServer((request, response) => proxy(request, response, request.url, {}))
countRequests(server)
server.listen(Number(process.env.PORT), '127.0.0.1')
