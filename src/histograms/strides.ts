import { SLOTS } from './layout.js'

// How one array of counts lies in shared memory: a cache line of its own in front, then its slots.

/** In the line in front: one more than the highest slot in use; 0: the array is empty. */
export const TOP = 0
export const HEADER = 8
export const STRIDE = HEADER + SLOTS
