//   node bench/micro/connector.mjs [--requests N] [--rounds N] [--concurrency N] [--only NAME]
//
// The origin runs in a process of its own, so that `process.cpuUsage()` holds the client's cost alone.
import { fork } from 'node:child_process'
import http from 'node:http'
import net from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { addCosts } from '../lib/compare.mjs'
import { about, addRemark, addTable, short } from '../lib/document.mjs'
import { median } from '../lib/stats.mjs'

const BODY = 'x'.repeat(100)
const RESPONSE = `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\n\r\n${BODY}`

if (process.argv[2] === 'origin') serveOrigin()
else await main()

/** Answers each request head with the same bytes; requests have no body. */
function serveOrigin() {
  const server = net.createServer({ noDelay: true }, (socket) => {
    socket.on('data', (bytes) => {
      let heads = 0
      for (let at = bytes.indexOf('\r\n\r\n'); at >= 0; at = bytes.indexOf('\r\n\r\n', at + 4)) heads += 1
      socket.write(RESPONSE.repeat(heads), 'latin1')
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }))
  process.on('disconnect', () => process.exit(0))
}

async function main() {
  about(
    'Connector',
    'CPU of a 100 byte exchange on a kept-alive connection, against the client of Node; sockets with nothing parsed are the floor.',
  )
  const { values } = parseArgs({
    strict: false,
    options: {
      requests: { type: 'string', default: short ? '10000' : '40000' },
      rounds: { type: 'string', default: short ? '3' : '7' },
      concurrency: { type: 'string', default: '64' },
      only: { type: 'string' },
    },
  })
  const requests = Number(values.requests)
  const rounds = Number(values.rounds)
  const concurrency = Number(values.concurrency)
  const origin = fork(fileURLToPath(import.meta.url), ['origin'])
  const port = await new Promise((resolve) => origin.once('message', (message) => resolve(message.port)))

  let contenders = [
    { name: 'headgate', ...(await headgate(port)) },
    { name: 'node:http', ...nodeHttp(port, concurrency) },
    { name: 'sockets only', ...socketsOnly(port, concurrency) },
  ]
  if (values.only) contenders = contenders.filter(({ name }) => name === values.only)
  const samples = new Map(contenders.map(({ name }) => [name, []]))
  for (let round = -1; round < rounds; round += 1) {
    for (const { name, one } of contenders) {
      const cpuBefore = process.cpuUsage()
      const startedMs = performance.now()
      await closedLoop(one, requests, concurrency)
      const tookMs = performance.now() - startedMs
      const cpu = process.cpuUsage(cpuBefore)
      // The first round warms up.
      if (round >= 0) {
        samples.get(name).push({
          userUs: cpu.user / requests,
          systemUs: cpu.system / requests,
          perSecond: (requests / tookMs) * 1000,
        })
      }
    }
  }
  for (const { close } of contenders) close()
  origin.disconnect()
  report(samples, concurrency)
}

/** Keeps `concurrency` requests under way until `requests` are done. */
function closedLoop(one, requests, concurrency) {
  return new Promise((resolve, reject) => {
    let started = 0
    let done = 0
    const next = (error) => {
      if (error) {
        reject(error)
        return
      }
      done += 1
      if (done === requests) resolve()
      else if (started < requests) {
        started += 1
        one(next)
      }
    }
    while (started < Math.min(requests, concurrency)) {
      started += 1
      one(next)
    }
  })
}

function socketsOnly(port, concurrency) {
  const head = 'GET /some/path?q=1 HTTP/1.1\r\nHost: origin.test\r\nAccept: */*\r\nUser-Agent: bench\r\n\r\n'
  const free = []
  const buffer = Buffer.allocUnsafeSlow(65_536)
  const open = () => {
    const entry = { done: null, socket: null }
    entry.socket = net.connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: {
        buffer,
        callback() {
          const { done } = entry
          free.push(entry)
          done()
          return true
        },
      },
    })
    return entry
  }
  for (let i = 0; i < concurrency; i += 1) free.push(open())
  return {
    one(done) {
      const entry = free.pop()
      entry.done = done
      entry.socket.write(head, 'latin1')
    },
    close() {
      for (const { socket } of free) socket.destroy()
    },
  }
}

async function headgate(port) {
  const { Http1Connector } = await import('../../dist/upstream/http1/index.js')
  const connector = new Http1Connector()
  const target = { id: 'bench', host: '127.0.0.1', port }
  const timeouts = { connectMs: 1000, headersMs: 15_000, idleMs: 30_000 }
  const headerBlock = 'Host: origin.test\r\nAccept: */*\r\nUser-Agent: bench\r\n'
  const body = { kind: 'none' }
  class Handler {
    constructor(done) {
      this.done = done
      this.bytes = 0
    }
    onConnected() {}
    onRequestSent() {}
    onHead(head) {
      this.status = head.status
    }
    onBody(chunk) {
      this.bytes += chunk.length
    }
    onEnd() {
      this.done(this.status === 200 && this.bytes === BODY.length ? undefined : new Error('wrong answer'))
    }
    onError(error) {
      this.done(error)
    }
    onDrain() {}
  }
  return {
    one(done) {
      connector.request(
        target,
        { method: 'GET', target: '/some/path?q=1', headerBlock, body },
        new Handler(done),
        timeouts,
      )
    },
    close: () => connector.close(),
  }
}

function nodeHttp(port, concurrency) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency })
  const headers = { Host: 'origin.test', Accept: '*/*', 'User-Agent': 'bench' }
  return {
    one(done) {
      const request = http.get(
        { agent, host: '127.0.0.1', port, path: '/some/path?q=1', headers },
        (response) => {
          let bytes = 0
          response.on('data', (chunk) => {
            bytes += chunk.length
          })
          response.on('end', () => done(bytes === BODY.length ? undefined : new Error('wrong answer')))
        },
      )
      request.on('error', done)
    },
    close: () => agent.destroy(),
  }
}

function report(samples, concurrency) {
  const lists = [...samples]
  const total = ({ userUs, systemUs }) => (userUs + systemUs) * 1000
  addCosts('', Object.fromEntries(lists.map(([name, list]) => [name, list.map(total)])))
  const middle = (list, of) => Math.round(median(list.map(of)))
  addTable(
    'of which',
    ['', 'user ns', 'system ns', 'exchanges/s'],
    lists.map(([name, list]) => [
      name,
      middle(list, ({ userUs }) => userUs * 1000),
      middle(list, ({ systemUs }) => systemUs * 1000),
      middle(list, ({ perSecond }) => perSecond),
    ]),
  )
  addRemark(`${concurrency} under way at a time`)
}
