import { Agent, createServer } from 'node:http'
import { Agent as SecureAgent } from 'node:https'
import httpProxy from 'http-proxy-3'
import { countRequests } from './count-requests.mjs'

const target = process.env.ORIGIN
const options = { keepAlive: true, maxSockets: Number(process.env.CONNECTIONS) }
const agent = target.startsWith('https:') ? new SecureAgent(options) : new Agent(options)
const proxy = httpProxy.createProxyServer({ target, agent, secure: false })
proxy.on('error', (_error, _request, response) => {
  if ('writeHead' in response && !response.headersSent) response.writeHead(502)
  response.end()
})
const server = createServer((request, response) => proxy.web(request, response))
countRequests(server)
server.listen(Number(process.env.PORT), '127.0.0.1')
