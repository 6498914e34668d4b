import { cacheKey, encodeMeta, PLAIN_KEY } from '../../dist/cache/rules/index.js'
import { createStoreMemory, SharedStore } from '../../dist/cache/store/index.js'
import { Dispatcher, Router } from '../../dist/dispatch/index.js'
import { SharedCounters, WorkerBoard } from '../../dist/memory/index.js'
import { GATEWAY_COUNTERS } from '../../dist/session/counters.js'
import { now } from '../../dist/time/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

about('Cache hit', "On the acceptor's thread without its socket: intake, lookup, answer.")

const COUNT = short ? 50_000 : 300_000
const store = new SharedStore(createStoreMemory({ sizeBytes: 256 << 20, threads: 4 }), 0)
const cache = {
  ttl: [],
  heuristic: null,
  keys: PLAIN_KEY,
  vary: { allow: null, ignore: [] },
  methods: ['GET', 'HEAD'],
  stale: {},
  lock: null,
  bypass: { headers: [], cookies: [], query: [] },
  requestControl: 'honour',
  showKey: false,
}
const routes = [
  {
    name: 'route',
    match: { host: null, path: '/*', methods: null },
    upstream: 'app',
    filters: [],
    bufferRequestBody: false,
    upgrades: [],
    bufferResponseBody: false,
    cache,
  },
]
const done = { counts: 0, records: 0 }
const dispatcher = new Dispatcher({
  routes,
  responseEdits: [[]],
  router: new Router(routes),
  board: new WorkerBoard(1),
  counters: new SharedCounters(GATEWAY_COUNTERS, 1).row(0),
  sessionsPerWorker: 10,
  hits: {
    store,
    count() {
      done.counts += 1
    },
    record() {
      done.records += 1
    },
  },
  onAnsweredHere() {},
  onRefused() {},
  onIdle() {},
})
dispatcher.allowHits([0])

const headerBlock =
  'content-type: text/html\r\netag: "33a64df5"\r\ncache-control: max-age=600\r\nlast-modified: Thu, 01 Jan 2026 00:00:00 GMT\r\n'
const targets = Array.from({ length: 1000 }, (_, i) => `/some/path/${i}`)
for (const target of targets) {
  const key = cacheKey({ scheme: 'http', host: '127.0.0.1:8080', target }, { get: () => null }, PLAIN_KEY)
  store.put(
    key,
    {
      bornMs: now(),
      storedAtMs: now(),
      freshUntilMs: now() + 600_000,
      staleWhileRevalidateUntilMs: 0,
      staleIfErrorUntilMs: 0,
      lastModifiedMs: 0,
      status: 200,
      flags: 0,
      vary: 0,
      meta: encodeMeta({ statusText: 'OK', etag: '"33a64df5"', dateMs: now(), varyNames: [], headerBlock }),
    },
    Buffer.alloc(100, 'x'),
  )
}

class Exchange {
  owner = null
  bytesOut = 0
  answered = 0
  constructor(target, block) {
    this.head = {
      method: 'GET',
      target,
      host: '127.0.0.1:8080',
      headerBlock: block,
      claims: '',
      contentLength: -1,
      remoteAddress: '127.0.0.1',
      upgrade: '',
      requestId: 'req-1',
      startMs: now(),
    }
  }
  respond(status, _text, _block, body) {
    this.answered = status
    this.bytesOut = body.length
  }
}

const BLOCKS = {
  'a request of a load generator': 'host: 127.0.0.1:8080\r\n',
  'a request of a browser':
    'host: 127.0.0.1:8080\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\naccept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\naccept-language: en-US,en;q=0.5\r\naccept-encoding: gzip, deflate, br\r\nsec-fetch-dest: document\r\nsec-fetch-mode: navigate\r\nsec-fetch-site: none\r\n',
}
const hits = (block) => () => {
  for (let i = 0; i < COUNT; i += 1) {
    const exchange = new Exchange(targets[i % targets.length], block)
    dispatcher.onRequest(exchange)
    if (exchange.answered !== 200) throw new Error('not a hit')
  }
}
await compare(
  '',
  COUNT,
  Object.fromEntries(Object.entries(BLOCKS).map(([name, block]) => [name, hits(block)])),
)
