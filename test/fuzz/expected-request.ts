import { isStrictTarget } from '../support/strict-grammar.js'
import {
  parseStrictRequests,
  type StrictReading,
  type StrictRequest,
} from '../support/strict-request-parser.js'
import type { ForwardedRequest } from './fuzz-origin.js'

/** Written down again from the documentation, not shared with the code under test: what never travels on. */
const DROPPED =
  /^(connection|content-length|expect|forwarded|http2-settings|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|x-forwarded-.*|x-real-ip|x-request-id)$/
const PROXY_FIELDS_THAT_STAY = /^proxy-(?!authenticate$|authorization$|connection$)/
const PLAIN_NAME = /^[a-z0-9-]+$/
/** Naming these in Connection takes nothing away (B10). */
const PROTECTED =
  /^(authorization|cache-control|cdn-loop|content-length|content-type|cookie|date|forwarded|host|set-cookie|via|x-forwarded-(for|host|port|proto)|x-real-ip|x-request-id)$/

type Fields = readonly (readonly [name: string, value: string])[]

function forwardedFields(fields: Fields): (readonly [string, string])[] {
  const named = fields
    .filter(([name]) => name === 'connection')
    .flatMap(([, value]) => value.toLowerCase().split(','))
    .map((option) => option.replace(/^[\t ]+|[\t ]+$/g, ''))
    .filter((option) => !PROTECTED.test(option))
  return fields.filter(
    ([name]) =>
      PLAIN_NAME.test(name) &&
      (!DROPPED.test(name) || PROXY_FIELDS_THAT_STAY.test(name)) &&
      !named.includes(name),
  )
}

/** As documented: what browsers and ad URLs send raw is escaped, `[ ] |` everywhere, and in the query more. */
function escapedTarget(target: string): string {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  const query = mark < 0 ? '' : target.slice(mark)
  const hex = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`
  return (
    path.replace(/[[\]|]/g, hex) + query.replace(/[[\]|\\^`{}]|%(?![0-9A-Fa-f]{2})/g, (char) => hex(char))
  )
}

/**
 * {@link parseStrictRequests} with the targets that are documented to be taken.
 * @param isLenient as there
 */
export function readStrictly(text: string, isLenient = false): StrictReading {
  const isTarget = (method: string, target: string) => isStrictTarget(method, escapedTarget(target))
  return parseStrictRequests(Buffer.from(text, 'latin1'), isTarget, isLenient)
}

/**
 * As Node's parser reads: CR and LF before a request line are passed over, alone or together, and spaces before the version are one. It says so nowhere,
 * and none of it hides a request in another: what is read so stands where a request line is due.
 */
export function readLeniently(text: string): StrictReading {
  return readStrictly(text, true)
}

/** RFC 3986 §6.2.2 and §5.2.4, after runs of slashes have become one. */
export function normalPath(target: string): string {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  let rest = path
    .replace(/%[0-9A-Fa-f]{2}/g, (escaped) => {
      const char = String.fromCharCode(Number.parseInt(escaped.slice(1), 16))
      return /[A-Za-z0-9\-._~]/.test(char) ? char : escaped.toUpperCase()
    })
    .replace(/\/{2,}/g, '/')
  let out = ''
  while (rest !== '') {
    if (rest.startsWith('/./')) rest = rest.slice(2)
    else if (rest === '/.') rest = '/'
    else if (rest.startsWith('/../') || rest === '/..') {
      rest = `/${rest.slice(4)}`
      out = out.slice(0, Math.max(0, out.lastIndexOf('/')))
    } else {
      const end = rest.indexOf('/', 1)
      out += end < 0 ? rest : rest.slice(0, end)
      rest = end < 0 ? '' : rest.slice(end)
    }
  }
  return mark < 0 ? out : out + target.slice(mark)
}

/** Is this forwarded request what is to become of that one? '' if so, else what differs. */
export function difference(sent: StrictRequest, forwarded: ForwardedRequest): string {
  if (forwarded.method !== sent.method) return `method ${forwarded.method} of ${sent.method}`
  const target = sent.target === '*' ? '*' : normalPath(escapedTarget(sent.target))
  if (forwarded.target !== target) return `target ${forwarded.target} of ${sent.target}`
  // What we have added stands behind what came: one Via, and the forwarding fields.
  const wanted = forwardedFields(sent.headers)
  const got = forwardedFields(forwarded.headers)
  const [viaAt = -1] = got
    .flatMap(([name, value], at) => (name === 'via' && value.startsWith('1.1 headgate') ? [at] : []))
    .slice(-1)
  if (viaAt < 0) return 'no Via of ours'
  got.splice(viaAt, 1)
  // Extensions of a WebSocket are not ours to speak.
  const text = (fields: Fields): string =>
    JSON.stringify(fields.filter(([name]) => name !== 'sec-websocket-extensions'))
  if (text(got) !== text(wanted)) return `fields ${text(got)} of ${text(wanted)}`
  return ''
}
