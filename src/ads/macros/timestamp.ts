let secondS = Number.NaN
let prefix = ''

/**
 * `[TIMESTAMP]`: `YYYY-MM-DDTHH:mm:ss.SSS+00:00`, with the numeric offset that the IAB's format line shows (F-15). The part that changes
 * once a second is kept.
 */
export function isoTimestamp(nowMs: number): string {
  const wholeMs = Math.floor(nowMs)
  const s = Math.floor(wholeMs / 1000)
  if (s !== secondS) {
    prefix = new Date(s * 1000).toISOString().slice(0, 20)
    secondS = s
  }
  return `${prefix}${String(wholeMs - s * 1000).padStart(3, '0')}+00:00`
}
