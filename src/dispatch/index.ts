export { Dispatcher, type DispatcherOptions } from './dispatcher.js'
export type { EndedHere } from './own-session.js'
export { Router } from './router.js'
export { createWorkerLink, type WorkerLink } from './worker-link.js'
