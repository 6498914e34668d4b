/** Values are microseconds: 1 µs to 10 min with three significant digits, as everywhere in the gateway. */
export const LOWEST_US = 1
export const HIGHEST_US = 600_000_000
export const SIGNIFICANT_DIGITS = 3

// HDR's index maths for these three numbers: 2048 linear slots, then 1024 for each doubling.
const HALF_MAGNITUDE = 10
const HALF_COUNT = 1024
const SUB_BUCKETS = 2048

/** Slots of one histogram: as many as `hdr-histogram-js` makes for the same range, so that it reads the same array. */
export const SLOTS = (Math.ceil(Math.log2((HIGHEST_US + 1) / SUB_BUCKETS)) + 2) * HALF_COUNT

/** Slot of a value. Beyond the range the nearest end counts. @param valueUs any number; fractions are cut */
export function slotOf(valueUs: number): number {
  const value = valueUs > HIGHEST_US ? HIGHEST_US : valueUs > 0 ? valueUs | 0 : 0
  // Doublings beyond the linear part: the bit that is put in is the highest one of all that is linear.
  const bucket = 31 - HALF_MAGNITUDE - Math.clz32(value | HALF_COUNT)
  return (bucket << HALF_MAGNITUDE) + (value >> bucket)
}

/** The value that stands for a slot: the middle of its range, µs. */
export function middleOf(slot: number): number {
  if (slot < SUB_BUCKETS) return slot
  const bucket = (slot >> HALF_MAGNITUDE) - 1
  const width = 2 ** bucket
  return (slot - (bucket << HALF_MAGNITUDE)) * width + width / 2
}
