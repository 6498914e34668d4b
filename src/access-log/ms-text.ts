/** What stands behind the whole milliseconds, by microseconds: no zeros at its end. */
const FRACTIONS = Array.from({ length: 1000 }, (_, us) =>
  us === 0 ? '' : `.${String(us).padStart(3, '0').replace(/0+$/, '')}`,
)

/** Milliseconds with at most three decimals, as JSON has numbers; -1 for what was never reached. */
export function msText(lengthMs: number): string {
  if (lengthMs < 0) return '-1'
  const us = Math.round(lengthMs * 1000)
  const wholeMs = Math.floor(us / 1000)
  return `${wholeMs}${FRACTIONS[us - wholeMs * 1000] ?? ''}`
}
