export { Dispatcher, type DispatcherOptions, type Routing } from './dispatcher.js'
export { Router } from './router.js'
export { createWorkerLink, type WorkerLink } from './worker-link.js'
