import { Worker } from 'node:worker_threads'
import type { Logger } from '../logging/index.js'
import type { ControlMessage, ControlTask } from './control-task.js'

export interface Control {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/** Starts the control thread. @throws Error with the system's `code` (`EADDRINUSE`) when it cannot listen */
export function startControl(task: ControlTask, logger: Logger): Promise<Control> {
  const thread = new Worker(new URL('./control-worker.js', import.meta.url), {
    workerData: task,
    execArgv: [],
  })
  return new Promise((resolve, reject) => {
    thread.on('error', (error) => {
      logger.error({ err: error }, 'the control thread failed: no admin listener from now on')
      reject(error)
    })
    thread.on('message', (message: ControlMessage) => {
      if (message.type === 'listening') {
        const { host, port } = message
        resolve({ host, port, close: async () => void (await thread.terminate()) })
        return
      }
      void thread.terminate()
      reject(Object.assign(new Error(message.message), { code: message.code, port: task.port }))
    })
  })
}
