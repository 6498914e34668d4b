import { describe, expect, it } from 'vitest'
import { keyedHash } from '../../dist/memory/keyed-hash.js'

/** What the reference implementation of HalfSipHash-2-4 answers to the bytes 0, 1, 2, ... under the key 0 to 7, by length. */
const VECTORS = new Map([
  [0, '218d1f59b9b83cc8'],
  [2, '064f39ef7c50eb57'],
  [4, 'd5e78a175be52ea1'],
  [6, 'ce3e91358aa2bc25'],
  [14, '3bb1a870eae8e658'],
  [16, '7336aad25f7bf3b5'],
  [62, 'f90b3ab572d46693'],
])

function hash(text: string, keyA = 0x03020100, keyB = 0x07060504): string {
  const words = { a: 0, b: 0 }
  keyedHash(text, keyA, keyB, words)
  const bytes = Buffer.alloc(8)
  bytes.writeInt32LE(words.a, 0)
  bytes.writeInt32LE(words.b, 4)
  return bytes.toString('hex')
}

describe('the keyed hash', () => {
  it.each([...VECTORS])('of %i bytes is that of the reference implementation', (length, expected) => {
    const text = Buffer.from(Array.from({ length }, (_, i) => i)).toString('utf16le')
    expect(hash(text)).toBe(expected)
  })

  it('is another one under another secret, and of a text with one character more', () => {
    const all = [hash('10.0.0.1'), hash('10.0.0.1', 1), hash('10.0.0.1', 0x03020100, 1), hash('10.0.0.1\0')]
    expect(new Set(all).size).toBe(4)
  })
})
