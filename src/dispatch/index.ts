export type { HitServices } from './cached-answers.js'
export { Dispatcher, type DispatcherOptions } from './dispatcher.js'
export { Router } from './router.js'
export { createWorkerLink, type WorkerLink } from './worker-link.js'
