import type { LogLevel } from '../config/types.js'

/** A thread that can be profiled. */
export type ThreadName = 'acceptor' | 'control' | { readonly worker: number }

/** What the control thread asks of the supervisor, since only that can do it. */
export type AdminCommand =
  /** Stop accepting, finish, end. */
  | { readonly name: 'drain' }
  /** Read the configuration again and use it. */
  | { readonly name: 'reload' }
  /** Replace a worker without losing a session. */
  | { readonly name: 'restart-worker'; readonly worker: number }
  /** From now on log from this level on, in all threads. */
  | { readonly name: 'log-level'; readonly level: LogLevel }
  /** Profile the acceptor's thread or a worker's. Its value is the profile, as text. */
  | {
      readonly name: 'capture'
      readonly thread: 'acceptor' | { readonly worker: number }
      readonly durationMs: number
    }

/** What became of a command. */
export type CommandResult =
  | { readonly ok: true; readonly value: unknown }
  /** `status` for the client of the admin API, and why; `value`: what it gets instead of the message alone. */
  | { readonly ok: false; readonly status: number; readonly message: string; readonly value?: unknown }

/** Carries out commands; never rejects. */
export type CommandHandler = (command: AdminCommand) => Promise<CommandResult>

/** Asks the supervisor and waits for its word. */
export interface Commander {
  ask(command: AdminCommand): Promise<CommandResult>
}
