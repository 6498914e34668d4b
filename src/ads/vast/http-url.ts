/**
 * A URL of a document against the one of the document: relative, protocol-relative or absolute (VAST 4.3 §3.19.1).
 * @returns null when it is none, or not of `http:` or `https:`
 */
export function httpUrl(text: string, base?: string): URL | null {
  const url = URL.canParse(text, base) ? new URL(text, base) : null
  return url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') ? null : url
}
