import type { MessagePort } from 'node:worker_threads'
import type { SessionOutcome } from '../lifecycle/index.js'
import type { Logger } from '../logging/index.js'
import { captureCpuProfile, type ErrorRow } from '../telemetry/index.js'
import type { WorkerMessage } from './worker-task.js'

/** Keeps a session that ended with an error among the last ones. */
export function recordError(errors: ErrorRow, { session, error, route, status }: SessionOutcome): void {
  if (error === null) return
  const requestId = session.requestId()
  errors.add({ timeMs: Date.now(), route, status, reason: error.reason, requestId })
}

/** Does what the admin API asks of this thread; other messages are left alone. */
export function onAdminMessage(message: WorkerMessage, logger: Logger, port: MessagePort): void {
  switch (message.type) {
    case 'log-level':
      logger.level = message.level
      return
    case 'capture':
      captureCpuProfile(message.durationMs).then(
        (profile) => port.postMessage({ type: 'captured', profile } satisfies WorkerMessage),
        (error: Error) =>
          port.postMessage({ type: 'not-captured', message: error.message } satisfies WorkerMessage),
      )
      return
    default:
  }
}
