/**
 * Pieces as one, in memory of its own: a filter gets it, and must not find others' bytes behind its buffer, as it would
 * with `Buffer.concat`.
 */
export function joinPieces(pieces: readonly Uint8Array[]): Uint8Array {
  const only = pieces[0]
  if (only !== undefined && pieces.length === 1) return only
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}
