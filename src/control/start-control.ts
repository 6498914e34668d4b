import { Worker } from 'node:worker_threads'
import type { Logger } from '../logging/index.js'
import { logHealthEvent } from '../upstream/index.js'
import type { CommandHandler } from './admin-command.js'
import type { CommandAnswer, ControlMessage, ControlTask } from './control-task.js'

export interface Control {
  /** Where the admin listener is; '' and 0 when there is none. */
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/**
 * Starts the control thread: admin listener, health checks, names.
 * @param onLost the thread has ended without being closed
 * @param onCommand what the admin API asks for; default: nothing can be done
 * @throws Error with the system's `code` (`EADDRINUSE`) when it cannot listen
 */
export function startControl(
  task: ControlTask,
  logger: Logger,
  onLost: () => void = () => undefined,
  onCommand: CommandHandler = async () => ({ ok: false, status: 501, message: 'nobody is there to do it' }),
): Promise<Control> {
  const thread = new Worker(new URL('./control-worker.js', import.meta.url), {
    workerData: task,
    execArgv: [],
  })
  let isClosing = false
  return new Promise((resolve, reject) => {
    thread.on('exit', () => {
      if (!isClosing) onLost()
    })
    thread.on('error', (error) => {
      logger.error(
        { err: error },
        'the control thread failed: no admin listener and no health checks from now on, names are resolved by the workers',
      )
      reject(error)
    })
    thread.on('message', (message: ControlMessage) => {
      const close = async (): Promise<void> => {
        isClosing = true
        await thread.terminate()
      }
      switch (message.type) {
        case 'health':
          logHealthEvent(logger, message.event)
          return
        case 'log':
          logger[message.level](message.fields, message.text)
          return
        case 'command':
          void onCommand(message.command).then((result) =>
            thread.postMessage({ id: message.id, result } satisfies CommandAnswer),
          )
          return
        case 'started':
          resolve({ host: '', port: 0, close })
          return
        case 'listening':
          resolve({ host: message.host, port: message.port, close })
          return
        case 'failed':
          isClosing = true
          void thread.terminate()
          reject(Object.assign(new Error(message.message), { code: message.code, port: task.port }))
      }
    })
  })
}
