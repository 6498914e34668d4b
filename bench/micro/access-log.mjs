import { AccessLog, NO_ENTRY } from '../../dist/access-log/index.js'
import { createLineRing, LineReader } from '../../dist/access-log/line-ring.js'
import { SECRET_NAMES } from '../../dist/access-log/redactor.js'
import { compare } from '../lib/compare.mjs'
import { about } from '../lib/document.mjs'

about(
  'Access log',
  'What a session pays on its own thread for its line: made, and put into the ring of the thread that writes.',
)

const COUNT = 5_000
const FIELDS = { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)', referer: 'https://example.com/page?x=1' }
const entry = {
  ...NO_ENTRY,
  requestId: 'req-00000000-0000-0000-0000-000000000000',
  client: '192.0.2.1',
  method: 'GET',
  host: 'example.com',
  target: '/some/path/to/a/page?with=a&query=string',
  route: '/*',
  status: 200,
  upstream: '127.0.0.1:9000',
  upstreamStatus: 200,
  tries: 1,
  bytesOut: 100,
  queueMs: 0.0512,
  connectMs: 0,
  responseMs: 1.2345,
  totalMs: 1.4567,
  overheadMs: 0.222,
  header: (name) => FIELDS[name] ?? null,
}

function lines(format, sample) {
  const config = { file: null, format, sample, slowMs: 1000, redact: SECRET_NAMES, headers: [] }
  const ring = createLineRing()
  const reader = new LineReader(ring)
  const into = Buffer.alloc(1024 * 1024)
  const log = new AccessLog({ config, ring, bell: new SharedArrayBuffer(12) }, { pid: 1, worker: 0 })
  return () => {
    for (let i = 0; i < COUNT; i += 1) {
      const every = log.take(entry.status, false, entry.totalMs)
      if (every > 0) log.write({ ...entry }, every)
      // Emptied without being written, a part of the cost that is another thread's.
      if ((i & 1023) === 0) reader.take(into)
    }
  }
}

await compare('a line of the access log', COUNT, {
  'json, every session': lines('json', 1),
  'json, one in 100': lines('json', 100),
  'combined, every session': lines('combined', 1),
})
