export { clockAnchor, now, useClockAnchor } from './clock.js'
export { type Deadline, DeadlineWheel, type DeadlineWheelOptions, type WheelClock } from './deadline-wheel.js'
export { restBeforeEnd } from './rest-before-end.js'
