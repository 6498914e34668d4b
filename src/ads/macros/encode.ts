/**
 * Percent-encodes everything but the unreserved characters of RFC 3986 §2.3, `!'()*` included, which `encodeURIComponent` leaves.
 * Half a surrogate pair, which has no encoding, becomes U+FFFD.
 */
export function encodeRfc3986(text: string): string {
  if (!/[^A-Za-z0-9\-._~]/.test(text)) return text
  let encoded: string
  try {
    encoded = encodeURIComponent(text)
  } catch {
    encoded = encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))
  }
  return encoded.replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
