//   node bench/micro/acceptor.mjs [--rounds N] [--seconds N] [--only REGEXP]

import { spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createAcceptor } from '../../dist/acceptor/index.js'
import { loadNative } from '../../dist/acceptor/uws/native.js'
import { addCosts } from '../lib/compare.mjs'
import { about, addRemark, addTable, short } from '../lib/document.mjs'
import { median } from '../lib/stats.mjs'

about(
  'Acceptor',
  'CPU time of one answered request, user and system, next to a bare uWS handler in the same process.',
)
const { values: args } = parseArgs({
  strict: false,
  options: {
    rounds: { type: 'string', default: short ? '2' : '5' },
    seconds: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
})
const CONNECTIONS = 64
const BODY = Buffer.alloc(100, 'x')
const FIELDS =
  'content-type: text/plain\r\ncache-control: max-age=60\r\netag: "5f1d"\r\nvary: accept-encoding\r\nage: 7\r\n'
const FIELD_LIST = FIELDS.trim()
  .split('\r\n')
  .map((line) => line.split(': '))
const REQUEST_FIELDS = {
  Accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
  'Accept-Encoding': 'gzip, deflate, br',
  'Accept-Language': 'en-US,en;q=0.9',
  'Cache-Control': 'max-age=0',
  Cookie: 'session=0123456789abcdef; theme=dark',
  Referer: 'http://example.com/some/page',
  'User-Agent':
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36',
}
const OPTIONS = {
  host: '127.0.0.1',
  port: 0,
  limits: { headerBytes: 16_384, headerCount: 100, targetBytes: 8192, bodyBytes: 0, connections: 10_000 },
  timeouts: { idleMs: 10_000, bodyMs: 10_000, writeMs: 30_000 },
  chunked: 'close',
}
const none = () => {}
const handler = (onRequest) => ({
  onRequest,
  onBody: none,
  onAbort: none,
  onDrain: none,
  onFinish: none,
  onRefused: none,
})

/** An app of uWS alone, that does with each request what `answer` says. */
async function bare(answer) {
  const native = loadNative(24_832)
  const app = native.App()
  app.any('/*', answer)
  const socket = await new Promise((resolve) => app.listen('127.0.0.1', 0, 1, resolve))
  return { port: native.us_socket_local_port(socket), close: () => app.close() }
}

const SUBJECTS = {
  'bare uWS, body only': () => bare((res) => res.end(BODY)),
  'bare uWS, fields in one call': () =>
    bare((res, req) => {
      res.onAborted(none)
      res.writeStatus('200 OK')
      res.writeHeader(
        'via',
        `1.1 headgate\r\n${FIELDS}x-request-id: req-00000000-0000-0000-0000-000000000000`,
      )
      res.end(BODY)
      req.setYield(false)
    }),
  'bare uWS, field by field': () =>
    bare((res) => {
      res.onAborted(none)
      res.writeStatus('200 OK')
      res.writeHeader('via', '1.1 headgate')
      for (const [name, value] of FIELD_LIST) res.writeHeader(name, value)
      res.writeHeader('x-request-id', 'req-00000000-0000-0000-0000-000000000000')
      res.end(BODY)
    }),
  'uws, answered at once': () =>
    createAcceptor(
      'uws',
      OPTIONS,
      handler((exchange) => exchange.respond(200, 'OK', FIELDS, BODY, 100)),
    ),
  'uws, answered a turn later': () =>
    createAcceptor(
      'uws',
      OPTIONS,
      handler((exchange) => setImmediate(() => exchange.respond(200, 'OK', FIELDS, BODY, 100))),
    ),
  'uws, streamed, known length': () =>
    createAcceptor(
      'uws',
      OPTIONS,
      handler((exchange) =>
        setImmediate(() => {
          exchange.writeHead(200, 'OK', FIELDS, 100)
          exchange.write(BODY)
          exchange.end('')
        }),
      ),
    ),
  'uws, streamed, chunked': () =>
    createAcceptor(
      'uws',
      OPTIONS,
      handler((exchange) =>
        setImmediate(() => {
          exchange.writeHead(200, 'OK', FIELDS, null)
          exchange.write(BODY)
          exchange.end('')
        }),
      ),
    ),
  'node, answered at once': () =>
    createAcceptor(
      'node',
      OPTIONS,
      handler((exchange) => exchange.respond(200, 'OK', FIELDS, BODY, 100)),
    ),
}

const hasWrk = spawnSync('wrk', ['-v']).error === undefined

/** Loads a port for some seconds; resolves with the number of answers. */
function load(port, seconds) {
  const url = `http://127.0.0.1:${port}/some/path/to/a/page?with=a&query=string`
  const fields = Object.entries(REQUEST_FIELDS).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const [command, parameters] = hasWrk
    ? ['wrk', ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, ...fields, url]]
    : [
        process.execPath,
        [fileURLToPath(new URL('../lib/raw-load.mjs', import.meta.url)), url, String(seconds)],
      ]
  return new Promise((resolve, reject) => {
    const child = spawn(command, parameters, { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    child.on('close', () => {
      const match = /(\d+) requests in/.exec(output)
      if (match === null || /Non-2xx|Socket errors/.test(output)) reject(new Error(output))
      else resolve(Number(match[1]))
    })
  })
}

const wanted = new RegExp(args.only ?? (short ? 'fields in one call|at once|known length' : ''))
const names = Object.keys(SUBJECTS).filter((name) => wanted.test(name))
const subjects = []
for (const name of names) subjects.push({ name, ...(await start(name)), samples: [] })

async function start(name) {
  const server = await SUBJECTS[name]()
  return { port: server.port, close: () => server.close() }
}

const seconds = Number(args.seconds)
for (const subject of subjects) await load(subject.port, 1)
for (let round = 0; round < Number(args.rounds); round += 1) {
  for (const subject of subjects) {
    const before = process.cpuUsage()
    const answers = await load(subject.port, seconds)
    const { user, system } = process.cpuUsage(before)
    subject.samples.push({ user: user / answers, system: system / answers })
  }
}
addCosts(
  '',
  Object.fromEntries(
    subjects.map(({ name, samples }) => [name, samples.map(({ user, system }) => (user + system) * 1000)]),
  ),
)
const part = (samples, of) => Math.round(median(samples.map(of)) * 1000)
addTable(
  'of which',
  ['', 'user ns', 'system ns'],
  subjects.map(({ name, samples }) => [
    name,
    part(samples, ({ user }) => user),
    part(samples, ({ system }) => system),
  ]),
)
addRemark(`load: ${hasWrk ? 'wrk' : 'own client, as wrk is not installed'}, ${CONNECTIONS} connections`)
for (const subject of subjects) await subject.close()
