/** ISO 8601 with milliseconds, as `Date.toISOString`; the seconds are only put together when they change. */
export function lineTime(): (timeMs: number) => string {
  let second = Number.NaN
  let text = ''
  return (timeMs) => {
    const at = Math.floor(timeMs / 1000)
    if (at !== second) {
      second = at
      text = new Date(at * 1000).toISOString().slice(0, -4)
    }
    return `${text}${String(Math.floor(timeMs) - at * 1000).padStart(3, '0')}Z`
  }
}
