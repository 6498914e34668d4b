/** What the control thread is given: where to listen and the shared memory that it reads. Plain data. */
export interface ControlTask {
  readonly host: string
  readonly port: number
  readonly workers: number
  readonly board: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
  /** Names of the routes, by index. */
  readonly routes: readonly string[]
  /** One 32-bit word: 1 while the gateway drains. */
  readonly draining: SharedArrayBuffer
  readonly version: string
}

/** From the control thread, once: where it listens, or why it does not. */
export type ControlMessage =
  | { readonly type: 'listening'; readonly host: string; readonly port: number }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
