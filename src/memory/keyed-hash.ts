/** What a keyed hash says: two words of 32 bits. */
export interface HashWords {
  a: number
  b: number
}

/**
 * HalfSipHash-2-4 with 64 bits of output (Aumasson and Bernstein, "SipHash: a fast short-input PRF") over the UTF-16 of a text, low byte first.
 * For where a hash stands for the whole key: who does not know the secret finds no two texts that meet, and the texts of addresses and
 * counters, which are alike but for their end, meet no more often than others.
 * @param keyA, keyB the secret, 32 bits each
 * @param into filled in; nothing is allocated
 */
export function keyedHash(text: string, keyA: number, keyB: number, into: HashWords): void {
  let v0 = keyA | 0
  let v1 = keyB ^ 0xee
  let v2 = 0x6c796765 ^ keyA
  let v3 = 0x74656462 ^ keyB
  // All words of two characters; the last one has the character that is left and the length in bytes; then the end, twice.
  const words = text.length >>> 1
  for (let word = 0; word <= words + 2; word += 1) {
    let m = 0
    let rounds = 2
    if (word < words) m = text.charCodeAt(2 * word) | (text.charCodeAt(2 * word + 1) << 16)
    else if (word === words) m = (text.length << 25) | (text.length & 1 ? text.charCodeAt(2 * word) : 0)
    else {
      rounds = 4
      if (word === words + 1) v2 ^= 0xee
      else {
        into.a = v1 ^ v3
        v1 ^= 0xdd
      }
    }
    v3 ^= m
    for (; rounds > 0; rounds -= 1) {
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
    }
    v0 ^= m
  }
  into.b = v1 ^ v3
}
