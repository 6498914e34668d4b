import type { Fields } from './fields.js'

/** `https` if the proxy in front says so, else `http`. What clients could forge of these fields has been removed. */
export function requestScheme(request: Fields): 'http' | 'https' {
  const proto = request.get('x-forwarded-proto')
  if (proto !== null) return /^[ \t]*(?:https|wss)[ \t]*(?:,|$)/i.test(proto) ? 'https' : 'http'
  const forwarded = request.get('forwarded')
  return forwarded !== null && /^[^,]*proto="?(?:https|wss)\b/i.test(forwarded) ? 'https' : 'http'
}
