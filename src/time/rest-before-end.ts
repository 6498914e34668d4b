import { setTimeout as wait } from 'node:timers/promises'

const REST_MS = 100

/**
 * To be awaited by a thread before it ends. V8 compiles what is called often on threads of its own, and Node (20 and 22) takes a thread that ends out of its
 * books before V8 has stopped: a compiler that then asks for memory finds nobody to ask, and the process aborts (`GetForegroundTaskRunner`). While
 * nothing runs nothing new is compiled, and what was begun is done within the rest.
 */
export async function restBeforeEnd(): Promise<void> {
  await wait(REST_MS)
}
