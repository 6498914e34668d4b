import { Worker } from 'node:worker_threads'
import type { Logger } from '../logging/index.js'
import type { EndedSpan } from '../otlp/index.js'
import { logHealthEvent } from '../upstream/index.js'
import type { CommandHandler } from './admin-command.js'
import type { ControlMessage, ControlOrder, ControlTask } from './control-task.js'

export interface Control {
  /** Where the admin listener is; '' and 0 when there is none. */
  readonly host: string
  readonly port: number
  /** Another configuration is in use. */
  use(task: ControlTask): void
  /** Leaves the address of the admin listener to another process. */
  unlisten(): Promise<void>
  listenAgain(): void
  /** Has spans exported. @returns how many of them found room: the thread takes no more than it can get rid of */
  addSpans(spans: readonly EndedSpan[]): number
  /** Ends it, behind a last export of metrics and spans. */
  close(): Promise<void>
}

/** Spans on their way to the thread, at most. */
const MAX_SPANS = 8192
/** How long the end is put off for what is still to be exported, at most. */
const FINISH_MS = 3000

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
  const order = (message: ControlOrder): void => thread.postMessage(message)
  const use = (next: ControlTask): void => order({ type: 'use', task: next })
  let spansUnderWay = 0
  const addSpans = (spans: readonly EndedSpan[]): number => {
    const taken = spans.slice(0, Math.max(0, MAX_SPANS - spansUnderWay))
    if (taken.length > 0) order({ type: 'spans', spans: taken })
    spansUnderWay += taken.length
    return taken.length
  }
  let finished: () => void = () => undefined
  const finish = (timeoutMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs)
      finished = () => {
        clearTimeout(timer)
        resolve()
      }
      thread.once('exit', finished)
      order({ type: 'finish' })
    })
  const listenAgain = (): void => order({ type: 'listen-again' })
  let unlistened: () => void = () => undefined
  const unlisten = (): Promise<void> =>
    new Promise((resolve) => {
      unlistened = resolve
      thread.once('exit', () => resolve())
      order({ type: 'unlisten' })
    })
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
        if (task.otlp !== undefined) await finish(Math.min(task.otlp.timeoutMs, FINISH_MS))
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
          void onCommand(message.command).then((result) => order({ type: 'result', id: message.id, result }))
          return
        case 'unlistened':
          unlistened()
          return
        case 'spans-taken':
          spansUnderWay -= message.count
          return
        case 'finished':
          finished()
          return
        case 'started':
          resolve({ host: '', port: 0, use, unlisten, listenAgain, addSpans, close })
          return
        case 'listening':
          resolve({ host: message.host, port: message.port, use, unlisten, listenAgain, addSpans, close })
          return
        case 'failed':
          isClosing = true
          void thread.terminate()
          reject(Object.assign(new Error(message.message), { code: message.code, port: task.port }))
      }
    })
  })
}
