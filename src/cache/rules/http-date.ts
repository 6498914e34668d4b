const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const IMF = /^(?:mon|tue|wed|thu|fri|sat|sun), (\d{2}) ([a-z]{3}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) gmt$/
const RFC850 =
  /^(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday), (\d{2})-([a-z]{3})-(\d{2}) (\d{2}):(\d{2}):(\d{2}) gmt$/
const ASCTIME = /^(?:mon|tue|wed|thu|fri|sat|sun) ([a-z]{3}) ([ \d]\d) (\d{2}):(\d{2}):(\d{2}) (\d{4})$/

/** Most answers of a second bear the same date. */
let lastText = ''
let lastMs: number | null = null

/**
 * Milliseconds since the epoch of an HTTP-date in any of its three forms (RFC 9110 §5.6.7), null for anything else. Without regard to case
 * (RFC 9111 §4.2 asks for that of caches).
 * @param nowMs a two-digit year that seems to lie more than 50 years ahead is one of the past. Default: today.
 */
export function parseHttpDate(text: string, nowMs = Date.now()): number | null {
  if (text === lastText) return lastMs
  const ms = read(text.toLowerCase(), nowMs)
  lastText = text
  lastMs = ms
  return ms
}

function read(text: string, nowMs: number): number | null {
  const imf = IMF.exec(text)
  if (imf !== null) return build(Number(imf[3]), imf[2], imf[1], imf[4], imf[5], imf[6])
  const asctime = ASCTIME.exec(text)
  if (asctime !== null)
    return build(Number(asctime[6]), asctime[1], asctime[2], asctime[3], asctime[4], asctime[5])
  const old = RFC850.exec(text)
  if (old === null) return null
  const thisYear = new Date(nowMs).getUTCFullYear()
  let year = thisYear - (thisYear % 100) + Number(old[3])
  if (year > thisYear + 50) year -= 100
  return build(year, old[2], old[1], old[4], old[5], old[6])
}

type Part = string | undefined

function build(year: number, month: Part, day: Part, hour: Part, minute: Part, second: Part): number | null {
  const at = MONTHS.indexOf(month ?? '')
  const d = Number(day)
  const h = Number(hour)
  const m = Number(minute)
  const s = Number(second)
  // A leap second is one (RFC 9110 §5.6.7 by way of RFC 5322).
  if (at < 0 || h > 23 || m > 59 || s > 60) return null
  const ms = Date.UTC(year, at, d, h, m, Math.min(s, 59))
  return new Date(ms).getUTCDate() === d ? ms : null
}

/** IMF-fixdate, the form that is sent (RFC 9110 §5.6.7). */
export function formatHttpDate(ms: number): string {
  return new Date(ms).toUTCString()
}
