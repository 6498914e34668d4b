const DOT = 0x2e

/** Host without port, in lower case; an IPv6 address keeps its brackets, a name loses the dot of its root. */
export function hostName(host: string): string {
  const colon = host.lastIndexOf(':')
  let end = colon > host.lastIndexOf(']') ? colon : host.length
  // `example.com.` is the same name: it must not slip past the routes of `example.com`.
  if (host.charCodeAt(end - 1) === DOT && end > 1) end -= 1
  return host.slice(0, end).toLowerCase()
}

/** The port that a Host names, '' when it names none. */
export function hostPort(host: string): string {
  const colon = host.lastIndexOf(':')
  return colon > host.lastIndexOf(']') ? host.slice(colon + 1) : ''
}
