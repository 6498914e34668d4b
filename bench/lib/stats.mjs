/** Median of numbers. */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** `median (min–max)` with the given number of decimals. */
export function spread(values, decimals = 2) {
  const show = (value) => value.toFixed(decimals)
  return `${show(median(values))} (${show(Math.min(...values))}–${show(Math.max(...values))})`
}
