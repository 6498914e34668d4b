import { MAX_WORKERS } from '../config/values.js'

/** More workers than cores can pay when they wait; beyond this they never do. */
const MOST_PER_CORE = 1.5
/** Up to so many counts all of them are measured. */
const FEW = 8
const GOLDEN = (Math.sqrt(5) - 1) / 2

/** The numbers of workers worth trying: 1, 2, 3, 4, 6, 8, 12, 16, ... up to 1.5 times the cores, at least up to 2. */
export function workerCounts(cores: number): number[] {
  const most = Math.min(MAX_WORKERS, Math.max(2, Math.floor(cores * MOST_PER_CORE)))
  const counts = [1]
  for (let power = 2; power <= most; power *= 2) {
    counts.push(power)
    const between = power * 1.5
    if (between <= most) counts.push(between)
  }
  if (counts.at(-1) !== most) counts.push(most)
  return counts
}

/** Is it too much to measure every one? */
export function isWide(counts: readonly number[]): boolean {
  return counts.length > FEW
}

/** How many of so many counts {@link searchCounts} looks at, at most. */
export function searchLength(counts: readonly number[]): number {
  return isWide(counts)
    ? Math.min(counts.length, 4 + Math.ceil(Math.log(counts.length) / Math.log(1 / GOLDEN)))
    : counts.length
}

/**
 * Golden-section search for the count where throughput has risen as far as it does. Where two counts give the same, within the
 * tolerance, it goes on with the fewer, since the curve is flat from there on.
 * @param counts in ascending order.
 * @param perSecond measures one; asked once for each.
 */
export async function searchCounts(
  counts: readonly number[],
  perSecond: (workers: number) => Promise<number>,
  tolerance: number,
): Promise<void> {
  const known = new Map<number, number>()
  const at = async (index: number): Promise<number> => {
    const workers = counts[index] ?? 1
    const value = known.get(workers) ?? (await perSecond(workers))
    known.set(workers, value)
    return value
  }
  // A single worker is the measure of all others.
  await at(0)
  let low = 0
  let high = counts.length - 1
  while (high - low > 2) {
    const left = high - Math.round((high - low) * GOLDEN)
    const right = Math.max(left + 1, low + Math.round((high - low) * GOLDEN))
    if ((await at(right)) > (await at(left)) * (1 + tolerance)) low = left
    else high = right
    // Nothing lies between any more: both ends are known.
    if (left === low && right === high && high - low <= 2) break
  }
  for (let index = low; index <= high; index += 1) await at(index)
}
