import { fileURLToPath } from 'node:url'
import { ChildProcessHandle } from './child.js'
import type { LoadPlan, LoadReport } from './types.js'

/**
 * Runs a plan in a process of its own, so that nothing else delays it.
 * @param signal aborts the run.
 * @throws Error when the process fails, no connection can be made at the start, or the signal aborts it.
 */
export async function runLoad(plan: LoadPlan, signal?: AbortSignal): Promise<LoadReport> {
  signal?.throwIfAborted()
  const child = new ChildProcessHandle(fileURLToPath(new URL('./load-main.js', import.meta.url)))
  const abort = (): void => {
    void child.stop()
  }
  signal?.addEventListener('abort', abort)
  try {
    return (await child.ask('run', plan)) as LoadReport
  } finally {
    signal?.removeEventListener('abort', abort)
    await child.stop()
  }
}
