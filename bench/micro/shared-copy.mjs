import { copyIntoShared, copyOfShared } from '#src/memory/index.js'
import { compare } from '../lib/compare.mjs'
import { about, short } from '../lib/document.mjs'

about(
  'Copies between shared and other memory',
  'Every body crosses it twice, and lies anywhere: V8 copies a word at a time only where both sides lie alike.',
)
const COUNT = short ? 20_000 : 100_000
const BYTES = 10_240
const shared = new Uint8Array(new SharedArrayBuffer(64 * 1024))
const piece = Buffer.allocUnsafeSlow(64 * 1024).subarray(3, 3 + BYTES)
const stored = shared.subarray(12, 12 + BYTES)

await compare('10 KiB into shared memory', COUNT, {
  'headgate, over a scratch': () => {
    for (let i = 0; i < COUNT; i += 1) copyIntoShared(shared, 64, piece)
  },
  'TypedArray set': () => {
    for (let i = 0; i < COUNT; i += 1) shared.set(piece, 64)
  },
})
await compare('10 KiB out of shared memory', COUNT, {
  'headgate, over a scratch': () => {
    for (let i = 0; i < COUNT; i += 1) copyOfShared(stored)
  },
  'new Uint8Array': () => {
    for (let i = 0; i < COUNT; i += 1) new Uint8Array(stored)
  },
})
