/** Two hashes of 32 bits of one key. */
export interface KeyHash {
  a: number
  b: number
}

/**
 * Hashes a key with a seed of the process, so that nobody outside knows which keys meet in a bucket. (The mixing is that of MurmurHash3, in two
 * lanes.) Equal hashes do no harm: keys are compared in full.
 * @param into filled in; nothing is allocated
 */
export function hashKey(key: string, seedA: number, seedB: number, into: KeyHash): void {
  let a = seedA
  let b = seedB
  for (let i = 0; i < key.length; i += 1) {
    const code = key.charCodeAt(i)
    a = Math.imul(a ^ code, 0x85ebca6b)
    a ^= a >>> 15
    b = Math.imul(b ^ code, 0xc2b2ae35)
    b ^= b >>> 13
  }
  into.a = finish(a ^ key.length)
  into.b = finish(b ^ a)
}

function finish(hash: number): number {
  let h = hash ^ (hash >>> 16)
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) | 0
}
