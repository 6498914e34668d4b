export { loadRoutes } from './routes.js'
export { BEAT_MS, BELL, type WorkerMessage, type WorkerTask } from './worker-task.js'
