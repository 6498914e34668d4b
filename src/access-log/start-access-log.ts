import { Worker } from 'node:worker_threads'
import type { AccessLogEnd } from './access-log.js'
import { BELL_WORDS, type FormatMessage, type LogMessage, type LogTask, REOPEN, STOP } from './log-task.js'
import { createRecordRing, ring } from './record-ring.js'
import type { AccessLogConfig } from './types.js'

/** The access log of a gateway, seen from its main thread. */
export interface RunningAccessLog {
  /**
   * The end of each thread, by number.
   * @param config may differ from that of the start in all but file and format
   */
  ends(config: AccessLogConfig): readonly AccessLogEnd[]
  /** Opens the file anew under its name, for whoever rotates logs. */
  reopen(): void
  /** Writes what is left and ends; gives up on a reader that takes nothing. */
  close(): Promise<void>
}

const CLOSE_MS = 2_000

/**
 * Starts the thread that writes.
 * @param threads that have sessions: the workers by number, and behind them the acceptor
 * @param pretty readable lines in place of JSON; null: JSON
 * @param onTrouble lines were lost, or writing began to fail, with the system's code, or works again, with ''
 * @throws Error with the system's `code` and the `path`, if the file cannot be opened
 */
export async function startAccessLog(
  config: AccessLogConfig,
  threads: number,
  pretty: LogTask['pretty'],
  onTrouble: (problem: string, dropped: number) => void,
): Promise<RunningAccessLog> {
  const bell = new SharedArrayBuffer(BELL_WORDS * 4)
  const words = new Int32Array(bell)
  const rings = Array.from({ length: threads }, () => createRecordRing())
  const task: LogTask = { file: config.file, rings, bell, pretty: config.format === 'json' ? pretty : null }
  const thread = new Worker(new URL('./log-thread.js', import.meta.url), { workerData: task, execArgv: [] })
  const ended = new Promise<void>((resolve) => thread.once('exit', () => resolve()))
  await new Promise<void>((resolve, reject) => {
    thread.on('error', reject)
    thread.on('message', (message: LogMessage) => {
      switch (message.type) {
        case 'started':
          resolve()
          return
        case 'failed':
          reject(Object.assign(new Error(message.message), { code: message.code, path: config.file }))
          return
        case 'trouble':
          onTrouble(message.problem, message.dropped)
      }
    })
  })
  const formats: string[] = []
  const formatOf = (wanted: AccessLogConfig): number => {
    const key = JSON.stringify([wanted.headers, wanted.redact])
    const known = formats.indexOf(key)
    if (known >= 0) return known
    thread.postMessage({ number: formats.length, config: wanted } satisfies FormatMessage)
    return formats.push(key) - 1
  }
  return {
    ends(wanted) {
      const format = formatOf(wanted)
      return rings.map((own) => ({ config: wanted, format, ring: own, bell }))
    },
    reopen() {
      Atomics.add(words, REOPEN, 1)
      ring(words)
    },
    async close() {
      Atomics.store(words, STOP, 1)
      ring(words)
      let timer: NodeJS.Timeout | undefined
      const patience = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, CLOSE_MS)
      })
      await Promise.race([ended, patience])
      clearTimeout(timer)
      // It may hang in a write: then it ends with the process.
      thread.unref()
    },
  }
}
