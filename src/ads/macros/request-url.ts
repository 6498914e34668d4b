import type { SessionContext } from '../../session/session-context.js'
import { encodeRfc3986 } from './encode.js'
import type { ExpandOptions, MacroEngine } from './macro-engine.js'

/**
 * The endpoint with parameters in its query. A parameter takes the place of those of the same name that the endpoint has. Macros are
 * replaced in the endpoint and in the values, in those before they are encoded (B-23, F-19); without a context they stay (B-22).
 */
export function requestUrl(
  engine: MacroEngine,
  endpoint: string,
  params: Readonly<Record<string, string | number | boolean>>,
  context?: SessionContext,
  options: ExpandOptions = {},
): string {
  const names = Object.keys(params)
  if (names.length === 0) return context === undefined ? endpoint : engine.expand(endpoint, context, options)
  const hash = endpoint.indexOf('#')
  const [target, fragment] = hash < 0 ? [endpoint, ''] : [endpoint.slice(0, hash), endpoint.slice(hash)]
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const pairs = mark < 0 ? [] : target.slice(mark + 1).split('&')
  const kept = pairs.filter((pair) => pair !== '' && !names.includes(nameOf(pair)))
  const own = kept.length === 0 ? path : `${path}?${kept.join('&')}`
  let url = context === undefined ? own : engine.expand(own, context, options)
  let separator = kept.length === 0 ? '?' : '&'
  for (const name of names) {
    const text = String(params[name])
    const value = context === undefined ? encodeRfc3986(text) : engine.expandParameter(text, context, options)
    url += `${separator}${encodeRfc3986(name)}=${value}`
    separator = '&'
  }
  return url + fragment
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=')
  const name = equals < 0 ? pair : pair.slice(0, equals)
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}
