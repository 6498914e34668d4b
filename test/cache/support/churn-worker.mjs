// One thread of the churn: random work on a cache that others work on too, until it has done enough or is killed. What it reads must always be exactly what
// somebody stored under that key: a body says in its first bytes which one it is, and every other byte follows from that.
import { parentPort, threadId, workerData } from 'node:worker_threads'
import { SharedLeads } from '#src/cache/lock/index.js'
import { SharedStore } from '#src/cache/store/index.js'
import { SharedBell } from '#src/memory/index.js'

const { memory, leadMemory, thread, operations, keys, progress, errors } = workerData
const bell = new SharedBell(memory.bells, thread)
const store = new SharedStore(memory, thread, bell)
const leads = new SharedLeads(leadMemory, thread, bell)
const limits = { leadMs: 5000, waitMs: 5000 }
const done = new Int32Array(progress)
const torn = new Int32Array(errors)

let seed = (threadId * 2654435761 + workerData.seed) | 1
function random(below) {
  seed ^= seed << 13
  seed ^= seed >>> 17
  seed ^= seed << 5
  return (seed >>> 0) % below
}

const MOST_BYTES = 200_012
const pattern = Buffer.alloc(256 * 1024)
for (let i = 0; i < pattern.length; i += 1) pattern[i] = (i * 31 + (i >>> 8)) & 255
const letters = pattern.toString('latin1', 0, 4096)
const scratch = Buffer.alloc(MOST_BYTES)

/** Good until the next one is made. */
function bodyOf(key, serial) {
  const length = 12 + (random(50) === 0 ? random(MOST_BYTES - 12) : random(4000))
  scratch.writeUInt32LE(key, 0)
  scratch.writeUInt32LE(serial, 4)
  scratch.writeUInt32LE(length, 8)
  const from = serial & 1023
  pattern.copy(scratch, 12, from, from + length - 12)
  return scratch.subarray(0, length)
}

function fail(what) {
  Atomics.add(torn, 0, 1)
  parentPort.postMessage(what)
}

/** Read where it lies: whatever another thread writes there meanwhile is seen. */
function check(entry, key) {
  // First: what is complete now has its last length.
  const whole = entry.state === 'complete'
  const there = entry.bodyBytes
  if (there < 12) {
    if (whole) fail('an empty body')
    return
  }
  let from = 0
  for (let at = 0; at < there; ) {
    const piece = entry.read(at, there - at)
    if (piece === null) return fail('a hole')
    let skip = 0
    if (at === 0) {
      const start = Buffer.from(piece.buffer, piece.byteOffset, 12)
      if (start.readUInt32LE(0) !== key) return fail('the body of another key')
      if (whole && start.readUInt32LE(8) !== there) return fail('a body of another length')
      from = start.readUInt32LE(4) & 1023
      skip = 12
    }
    const expected = from + at + skip - 12
    if (pattern.compare(piece, skip, piece.length, expected, expected + piece.length - skip) !== 0)
      return fail('a torn body')
    at += piece.length
  }
  const head = entry.head()
  if (head === null) return
  // A head follows from one of its numbers everywhere.
  if (
    head.meta !== metaOf(head.vary) ||
    head.bornMs !== head.vary ||
    head.lastModifiedMs !== head.vary ||
    head.status !== key
  )
    fail('a torn head')
}

function metaOf(vary) {
  return letters.slice(vary & 1023, (vary & 1023) + 10 + (vary % (vary % 8 === 0 ? 2000 : 200)))
}

function headOf(key) {
  const vary = random(1 << 20)
  return {
    bornMs: vary,
    storedAtMs: vary,
    freshUntilMs: vary,
    staleWhileRevalidateUntilMs: vary,
    staleIfErrorUntilMs: vary,
    lastModifiedMs: vary,
    status: key,
    flags: 0,
    vary,
    meta: metaOf(vary),
    tags: [`tag ${key % 50}`],
  }
}

/** Once in a while many at once: all of a tag, or all whose numbers begin with three digits. */
function purgeMany() {
  const mode = random(2) === 0 ? 'hard' : 'soft'
  if (random(2) === 0) store.purgeTag(`tag ${random(50)}`, mode)
  else store.purgePrefix(`GET http://example.com/path/${100 + random(900)}`, mode)
}

const held = []
let serial = thread << 24
function step() {
  const key = random(10) < 7 ? random(keys >> 3) : random(keys)
  const name = `GET http://example.com/path/${key}`
  const what = random(100)
  if (random(5000) === 0) purgeMany()
  else if (what < 55) {
    const entry = store.find(name)
    if (entry === null) return
    check(entry, key)
    entry.touch()
    if (random(50) === 0) held.push([entry, key])
    else entry.release()
  } else if (what < 80) {
    serial += 1
    store.put(name, headOf(key), bodyOf(key, serial))
  } else if (what < 90) {
    serial += 1
    const body = bodyOf(key, serial)
    const fill = store.begin(name, headOf(key), random(2) === 0 ? { lengthBytes: body.length } : {})
    if (fill === null) return
    const cut = random(body.length)
    const end = random(4)
    if (fill.append(body.subarray(0, cut)) && fill.append(body.subarray(cut)) && end > 0) fill.complete()
    else fill.abort()
  } else if (what < 93) {
    const entry = store.findFilling(name) ?? store.find(name)
    if (entry === null) return
    check(entry, key)
    entry.release()
  } else if (what < 96) {
    const entry = store.find(name)
    if (entry === null) return
    store.refresh(entry, headOf(key))
    entry.release()
  } else if (what < 98) store.purge(name, random(2) === 0 ? 'hard' : 'soft')
  else if (what < 99) {
    const joined = leads.join(
      name,
      limits,
      (result) => result.kind === 'lead' && result.lead.release('stored'),
    )
    if (joined.kind === 'lead' && random(3) > 0)
      joined.lead.release(['stored', 'failed', 'uncacheable'][random(3)])
  } else if (held.length > 0) {
    const [entry, of] = held.splice(random(held.length), 1)[0]
    check(entry, of)
    entry.release()
  }
  if (held.length > 40) held.shift()[0].release()
}

function turn() {
  for (let i = 0; i < 200; i += 1) step()
  Atomics.add(done, 0, 200)
  if (Atomics.load(done, 0) < operations) setImmediate(turn)
  else {
    for (const [entry] of held) entry.release()
    parentPort.close()
  }
}
turn()
