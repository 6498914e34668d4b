import httpProxy from '@fastify/http-proxy'
import fastify from 'fastify'
import { countRequests } from './count-requests.mjs'

const app = fastify()
countRequests(app.server)
app.register(httpProxy, {
  upstream: process.env.ORIGIN,
  undici: { connections: Number(process.env.CONNECTIONS) },
  preHandler(request, _reply, done) {
    // The scenario of the burning filter: the same work as bench/filters/burn-cpu.mjs.
    if (request.url === '/burn') {
      const endMs = performance.now() + 50
      while (performance.now() < endMs);
    }
    done()
  },
})
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 4096 })
