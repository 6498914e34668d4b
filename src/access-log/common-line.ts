import type { Redactor } from './redactor.js'
import { MAX_TEXT, quotable } from './safe-text.js'
import type { LoggedEntry } from './types.js'

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/**
 * Lines in Common Log Format (`host ident user [date] "request" status bytes`), or in Combined, with referer and user agent. There is no user: who has
 * authenticated is not written down.
 */
export function commonLine(redactor: Redactor, isCombined: boolean): (entry: LoggedEntry) => string {
  let second = 0
  let date = ''
  const dateOf = (atMs: number): string => {
    const at = Math.floor(atMs / 1000)
    if (at !== second || date === '') {
      second = at
      date = logDate(new Date(at * 1000))
    }
    return date
  }
  const quoted = (text: string): string => `"${text === '' ? '-' : quotable(text.slice(0, MAX_TEXT))}"`
  const header = (entry: LoggedEntry, name: string): string => {
    const value = entry.header(name)
    return quoted(value === null ? '' : redactor.header(name, value))
  }
  return (entry) => {
    const { method, target, client, status, bytesOut } = entry
    const request = method === '' ? '' : `${method} ${redactor.url(target).slice(0, MAX_TEXT)} HTTP/1.1`
    let line = `${quotable(client) || '-'} - - [${dateOf(entry.timeMs)}] ${quoted(request)} ${statusText(status)} ${bytesOut === 0 ? '-' : bytesOut}`
    if (isCombined) line += ` ${header(entry, 'referer')} ${header(entry, 'user-agent')}`
    return `${line}\n`
  }
}

/** Whose client left before there was a status has nginx's 499. */
function statusText(status: number): string {
  return String(status === 0 ? 499 : status)
}

/** `10/Oct/2000:13:55:36 +0000`. */
function logDate(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  const day = `${two(date.getUTCDate())}/${MONTHS[date.getUTCMonth()] ?? ''}/${date.getUTCFullYear()}`
  return `${day}:${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())} +0000`
}
