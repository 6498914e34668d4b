import { parentPort, workerData } from 'node:worker_threads'
import { RingReader, RingWriter } from '#src/mailbox/index.js'
import { CONTROL_BYTES } from '#src/mailbox/ring-layout.js'

/*
 * One end of a pair of rings in a thread of its own: sends and receives `frames` frames of any size as fast as it can, sleeps
 * when there is nothing to do and is woken by messages alone. A wake-up that gets lost leaves it hanging.
 */

const { out, inbound, port, frames, seed } = workerData
const writer = new RingWriter(out)
const reader = new RingReader(inbound)
const outWords = new Int32Array(out, CONTROL_BYTES)
const inWords = new Int32Array(inbound, CONTROL_BYTES)
const FRAMES_PER_TURN = 512

let random = seed
function next() {
  random = (Math.imul(random, 1664525) + 1013904223) | 0
  return random >>> 8
}

function mix(hash, value) {
  return Math.imul(hash ^ value, 0x01000193)
}

/** Mostly small frames, some larger, and now and then one as large as can be. */
function drawSize() {
  const drawn = next()
  if (drawn % 4096 === 0) return writer.maxPayloadBytes - (next() % 64)
  return drawn % 64 === 0 ? next() % Math.min(2048, writer.maxPayloadBytes) : drawn % 97
}

/** Fills a payload word by word, the rest byte by byte, and mixes it into a hash. */
function fill(words, bytes, at, length, hash) {
  let mixed = hash
  let value = next()
  const end = at + length
  let i = at
  for (; i + 4 <= end; i += 4) {
    words[i >> 2] = value
    mixed = mix(mixed, value)
    value = (Math.imul(value, 5) + 1) | 0
  }
  for (; i < end; i += 1) {
    bytes[i] = value
    mixed = mix(mixed, value & 0xff)
  }
  return mixed
}

/** The same hash of a payload that was received. */
function digest(words, bytes, at, length, hash) {
  let mixed = hash
  const end = at + length
  let i = at
  for (; i + 4 <= end; i += 4) mixed = mix(mixed, words[i >> 2])
  for (; i < end; i += 1) mixed = mix(mixed, bytes[i])
  return mixed
}

const sent = { count: 0, bytes: 0, hash: 0x811c9dc5 | 0 }
const received = { count: 0, bytes: 0, hash: 0x811c9dc5 | 0 }
let disorder = -1
let bellsRung = 0
let sleeps = 0
let fulls = 0
let size = drawSize()
let isSendScheduled = false
let isDrainScheduled = false
let isReported = false
const startedMs = performance.now()

function ring() {
  bellsRung += 1
  port.postMessage(0)
}

function scheduleSend() {
  if (isSendScheduled || sent.count === frames) return
  isSendScheduled = true
  setImmediate(send)
}

function send() {
  isSendScheduled = false
  let { hash } = sent
  let isFull = false
  for (let left = FRAMES_PER_TURN; left > 0 && sent.count < frames; left -= 1) {
    const kind = 1 + (sent.count % 9)
    const at = writer.reserve(kind, size, sent.count, size, sent.count, hash)
    if (at < 0) {
      isFull = true
      fulls += 1
      break
    }
    hash = mix(mix(hash, kind), sent.count)
    hash = fill(outWords, writer.bytes, at, size, hash)
    sent.count += 1
    sent.bytes += size
    size = drawSize()
  }
  sent.hash = hash
  if (writer.publish()) ring()
  // When there is no room the other side rings.
  if (!isFull) scheduleSend()
  reportWhenDone()
}

function drain() {
  isDrainScheduled = false
  let count = 0
  let { hash } = received
  while (count < FRAMES_PER_TURN && reader.next()) {
    const { bytes, offset, length } = reader
    if (disorder < 0 && (reader.a !== received.count || reader.slot !== length || reader.b !== hash))
      disorder = received.count
    hash = mix(mix(hash, reader.kind), reader.generation)
    hash = digest(inWords, bytes, offset, length, hash)
    received.count += 1
    received.bytes += length
    count += 1
  }
  received.hash = hash
  if (reader.release()) ring()
  if (count > 0 || !reader.sleep()) {
    isDrainScheduled = true
    setImmediate(drain)
  } else {
    sleeps += 1
  }
  reportWhenDone()
}

port.on('message', () => {
  scheduleSend()
  if (!isDrainScheduled) drain()
})

function reportWhenDone() {
  if (isReported || sent.count < frames || received.count < frames) return
  isReported = true
  parentPort.postMessage({
    sent,
    received,
    disorder,
    bellsRung,
    sleeps,
    fulls,
    elapsedMs: performance.now() - startedMs,
  })
}

parentPort.once('message', () => {
  port.close()
  parentPort.close()
})
send()
drain()
