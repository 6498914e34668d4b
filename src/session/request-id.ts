import { randomFillSync } from 'node:crypto'

const ID_BYTES = 16
/** Random bytes for so many ids are drawn at once: one draw for each would cost ten times as much. */
const random = Buffer.allocUnsafeSlow(ID_BYTES * 1024)
let drawnAt = random.length

const BLANK = 'req-xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'
/** Length of every id. */
export const REQUEST_ID_CHARS = BLANK.length
/** So many are made into text at once: they share one string of 2.5 KB, and the way to it costs more than the digits. */
const BATCH = 64
const text = Buffer.from(BLANK.repeat(BATCH), 'latin1')
let batch = ''
let takenTo = 0
/** Where in the text the first of the two digits of each byte stands. */
const PLACES = Uint8Array.of(4, 6, 8, 10, 13, 15, 18, 20, 23, 25, 28, 30, 32, 34, 36, 38)
const DIGITS = Buffer.from('0123456789abcdef', 'latin1')

/**
 * A fresh `req-<uuid>` (contract A-23, B-10), the uuid of version 4 (RFC 9562 §5.4): one string joins gateway log, upstream header
 * and ad session. Written digit by digit, since what `randomUUID` returns is put together of twenty strings, which every
 * reader of it has to join first.
 */
export function generateRequestId(): string {
  if (takenTo === batch.length) {
    for (let i = 0; i < BATCH; i += 1) writeId(i * BLANK.length)
    batch = text.toString('latin1')
    takenTo = 0
  }
  const start = takenTo
  takenTo += BLANK.length
  return batch.slice(start, takenTo)
}

/** Writes one into the text. */
function writeId(at: number): void {
  if (drawnAt === random.length) {
    randomFillSync(random)
    drawnAt = 0
  }
  for (let i = 0; i < ID_BYTES; i += 1) {
    const drawn = random[drawnAt + i] ?? 0
    const byte = i === 6 ? (drawn & 0x0f) | 0x40 : i === 8 ? (drawn & 0x3f) | 0x80 : drawn
    const place = at + (PLACES[i] ?? 0)
    text[place] = DIGITS[byte >> 4] ?? 0
    text[place + 1] = DIGITS[byte & 15] ?? 0
  }
  drawnAt += ID_BYTES
}
