import type { AccessLogConfig } from './types.js'

/** What the thread that writes the access log is given. */
export interface LogTask {
  /** As in `AccessLogConfig`. */
  readonly file: string | null
  /** One ring for each thread that has sessions: those of the workers by number, and behind them the acceptor's. */
  readonly rings: readonly SharedArrayBuffer[]
  /** Three words: {@link BELL}, {@link STOP} and {@link REOPEN}. */
  readonly bell: SharedArrayBuffer
  /** Lines of JSON are to be made readable; null: they are written as they are. */
  readonly pretty: { readonly color: boolean } | null
}

/** Changes when there is something to do. */
export const BELL = 0
/** 1: write what there is and end. */
export const STOP = 1
/** Counts how often the file is to be opened anew. */
export const REOPEN = 2
export const BELL_WORDS = 3

/**
 * To the thread: how the records of this number look as lines. It is sent before there is any such record. The thread never returns to its event loop, so
 * it looks for these when it meets a number that it does not know.
 */
export interface FormatMessage {
  readonly number: number
  readonly config: AccessLogConfig
}

/** From the thread. `trouble` comes when writing begins to fail, and at most each second while lines are lost. */
export type LogMessage =
  | { readonly type: 'started' }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  /** @param dropped lines since the last message */
  | { readonly type: 'trouble'; readonly problem: string; readonly dropped: number }
