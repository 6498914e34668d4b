/**
 * Text with one character per byte, out of and into buffers. These are the methods that `toString('latin1')` and
 * `write(…, 'latin1')` end in, once they have found out which encoding is meant: a tenth of a microsecond each time, six times a
 * session. Node has had them since 0.x, and undici rests on them too, but its types do not name them.
 */
interface Latin1Buffer {
  latin1Slice(start: number, end: number): string
  latin1Write(text: string, offset: number, length: number): number
}

/** The text in `bytes[start, end)`. */
export function readLatin1(bytes: Buffer, start: number, end: number): string {
  return (bytes as unknown as Latin1Buffer).latin1Slice(start, end)
}

/** Writes `text` at `offset`, where there must be room for it. Of a character above U+00FF the high byte is lost. */
export function writeLatin1(bytes: Buffer, text: string, offset: number): void {
  ;(bytes as unknown as Latin1Buffer).latin1Write(text, offset, text.length)
}
