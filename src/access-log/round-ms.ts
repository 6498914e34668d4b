/** Milliseconds with three decimals; -1 stays what it is. */
export function roundMs(lengthMs: number): number {
  return lengthMs < 0 ? -1 : Math.round(lengthMs * 1000) / 1000
}
