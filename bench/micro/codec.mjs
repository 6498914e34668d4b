import { Packr, Unpackr } from 'msgpackr/pack'
import {
  createRingBuffer,
  Mailbox,
  OPEN,
  RingReader,
  RingWriter,
  readOpen,
  writeOpen,
} from '#src/mailbox/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

about(
  'Codec of the mailboxes',
  'A session written into the ring and read out again, against packing everything.',
)

const COUNT = short ? 50_000 : 200_000
const open = {
  method: 'GET',
  target: '/ads/v1/vast?placement=preroll_video&cb=12345678&ua=Mozilla%2F5.0',
  headerBlock:
    'host: ads.example.com\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36\r\naccept: */*\r\naccept-encoding: gzip, deflate, br\r\naccept-language: en-US,en;q=0.9\r\ncookie: user_id=abcdef0123456789; session=0123456789abcdef0123456789abcdef\r\nreferer: https://video.example.com/watch?v=42\r\n',
  remoteAddress: '203.0.113.7',
  requestId: 'req-0f4e2c1a-6a0e-4a58-9d2b-1c3d5e7f9a0b',
  startMs: 1_790_000_000_000.25,
  route: 3,
  contentLength: -1,
  upgrade: '',
}
const ring = createRingBuffer(1024 * 1024)
const reader = new RingReader(ring)
const writer = new RingWriter(ring)
const mailbox = new Mailbox(writer, reader, () => {}, { onFrame() {}, onRoom() {}, onCorrupt() {} })
const packr = new Packr({ useRecords: false })
const unpackr = new Unpackr({ useRecords: false })
const fields = Object.values(open)

function throughRing(write, read) {
  for (let i = 0; i < COUNT; i += 1) {
    write()
    writer.publish(true)
    reader.next()
    read(reader)
    reader.release()
  }
}

function put(bytes) {
  const at = writer.reserve(OPEN, 0, 0, bytes.length)
  writer.bytes.set(bytes, at)
}

const view = (frame) => frame.bytes.subarray(frame.offset, frame.offset + frame.length)

await compare('codec: one OPEN frame written and read', COUNT, {
  'numbers and text flat (headgate)': () => throughRing(() => writeOpen(mailbox, 0, 0, open), readOpen),
  'all packed, msgpackr': () =>
    throughRing(
      () => put(packr.pack(fields)),
      (frame) => unpackr.unpack(Buffer.from(view(frame))),
    ),
  JSON: () =>
    throughRing(
      () => put(Buffer.from(JSON.stringify(fields))),
      (frame) => JSON.parse(Buffer.from(view(frame)).toString()),
    ),
  'structured clone': () => {
    for (let i = 0; i < COUNT; i += 1) structuredClone(open)
  },
})
process.exit(0)
