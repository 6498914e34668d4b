import { isMainThread, MessageChannel, parentPort, Worker, workerData } from 'node:worker_threads'
import { BODY, createRingBuffer, Mailbox, RingReader, RingWriter } from '#src/mailbox/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

const SIZE = 256
const COUNT = short ? 20_000 : 100_000

if (!isMainThread) {
  const { inbound, outbound, port, plain } = workerData
  plain.on('message', (message) => plain.postMessage(message))
  const mailbox = new Mailbox(new RingWriter(outbound), new RingReader(inbound), () => port.postMessage(0), {
    onFrame(frame) {
      const at = mailbox.reserve(BODY, frame.slot, 0, frame.length)
      mailbox.target.set(frame.bytes.subarray(frame.offset, frame.offset + frame.length), at)
    },
    onRoom() {},
    onCorrupt(error) {
      throw error
    },
  })
  port.on('message', () => mailbox.wake())
  mailbox.wake()
  parentPort.postMessage('ready')
} else {
  about(
    'Hop between threads',
    'CPU of both threads for one round trip of a 256 byte frame: rings with batched doorbells against postMessage.',
  )
  const toWorker = createRingBuffer(1024 * 1024)
  const toMain = createRingBuffer(1024 * 1024)
  const bell = new MessageChannel()
  const plain = new MessageChannel()
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { inbound: toWorker, outbound: toMain, port: bell.port2, plain: plain.port2 },
    transferList: [bell.port2, plain.port2],
  })
  await new Promise((resolve) => worker.once('message', resolve))
  const payload = Buffer.alloc(SIZE, 'x')
  let onAnswer = () => {}
  const mailbox = new Mailbox(
    new RingWriter(toWorker),
    new RingReader(toMain),
    () => bell.port1.postMessage(0),
    {
      onFrame: () => onAnswer(),
      onRoom() {},
      onCorrupt(error) {
        throw error
      },
    },
  )
  bell.port1.on('message', () => mailbox.wake())
  mailbox.wake()

  const roundTrips = (concurrency, send, listen) =>
    new Promise((resolve) => {
      let sent = 0
      let answered = 0
      listen(() => {
        answered += 1
        if (answered === COUNT) resolve()
        else if (sent < COUNT) {
          sent += 1
          send()
        }
      })
      for (; sent < concurrency; sent += 1) send()
    })
  const byRing = (concurrency) => () =>
    roundTrips(
      concurrency,
      () => {
        const at = mailbox.reserve(BODY, 0, 0, SIZE)
        mailbox.target.set(payload, at)
      },
      (listener) => {
        onAnswer = listener
      },
    )
  const byMessage = (concurrency) => () =>
    roundTrips(
      concurrency,
      () => plain.port1.postMessage(payload),
      (listener) => {
        plain.port1.removeAllListeners('message')
        plain.port1.on('message', listener)
      },
    )
  for (const concurrency of [1, 8, 64]) {
    await compare(
      `hop: round trip, ${concurrency} under way`,
      COUNT,
      {
        'rings (headgate)': byRing(concurrency),
        postMessage: byMessage(concurrency),
      },
      { rounds: 3 },
    )
  }
  process.exit(0)
}
