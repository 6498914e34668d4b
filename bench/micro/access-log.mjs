import { readEntry } from '../../dist/access-log/entry-codec.js'
import { AccessLog, NO_ENTRY } from '../../dist/access-log/index.js'
import { lineFormat, shownHeaders } from '../../dist/access-log/line-format.js'
import { createRecordRing, RecordReader } from '../../dist/access-log/record-ring.js'
import { SECRET_NAMES } from '../../dist/access-log/redactor.js'
import { compare } from '../lib/compare.mjs'
import { about } from '../lib/document.mjs'

about(
  'Access log',
  'What a session pays on its own thread for its line: made, and put into the ring of the thread that writes.',
)

const COUNT = 50_000
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

function config(format, sample) {
  return { file: null, format, sample, slowMs: 1000, redact: SECRET_NAMES, headers: [] }
}

/** @param take gets the offset of each record */
function lines(format, sample, take) {
  const ring = createRecordRing()
  const reader = new RecordReader(ring)
  const log = new AccessLog({
    config: config(format, sample),
    format: 0,
    ring,
    bell: new SharedArrayBuffer(12),
  })
  return () => {
    for (let i = 0; i < COUNT; i += 1) {
      const every = log.take(entry.status, false, entry.totalMs)
      if (every > 0) log.write({ ...entry }, every)
      if ((i & 511) === 511) reader.read((offset) => take(reader, offset), 512)
    }
  }
}

/** What the thread that writes makes of them. */
function made(format) {
  const shown = shownHeaders(config(format, 1))
  const line = lineFormat(config(format, 1), { pid: 1, worker: 0 })
  let text = ''
  return (reader, offset) => {
    text = line(readEntry(reader, offset, shown))
    return text
  }
}

const nothing = () => undefined
await compare('the access log, in the thread of the session', COUNT, {
  'json, every session': lines('json', 1, nothing),
  'json, one in 100': lines('json', 100, nothing),
  'combined, every session': lines('combined', 1, nothing),
})
await compare('the same, with what the thread does that writes', COUNT, {
  'json, every session': lines('json', 1, made('json')),
  'json, one in 100': lines('json', 100, made('json')),
  'combined, every session': lines('combined', 1, made('combined')),
})
