/**
 * Of the protocols that a client would switch to those that it may.
 *
 * @param asked value of `Upgrade`, a list (RFC 9110 §7.8), '' when nothing is asked for
 * @param allowed in lower case
 * @returns a list again, as the client wrote it; '' when none is left
 */
export function allowedUpgrade(asked: string, allowed: readonly string[]): string {
  if (asked === '' || allowed.length === 0) return ''
  return asked
    .split(',')
    .map((protocol) => protocol.trim())
    .filter((protocol) => allowed.includes(protocol.toLowerCase()))
    .join(', ')
}
