import type { Logger } from 'pino'
import type { GatewayConfig } from '../config/types.js'
import type { CommandResult } from '../control/index.js'
import type { GatewayCounter } from '../session/counters.js'

export interface GatewayOptions {
  readonly logger: Logger
  /** The admin API asks to drain. Default: the gateway drains itself. */
  readonly onDrainAsked?: () => void
  /**
   * Takes the place of the gateway that listens on the same address: both share the port until that one drains. Without it a second one is
   * refused. Default false.
   */
  readonly upgrade?: boolean
  /** The admin API asks for a reload; never rejects. Default: it is answered with 501. */
  readonly onReloadAsked?: () => Promise<CommandResult>
  /** All workers die again and again before they are of any use (C4, `workerLimits.failedStarts`). Default: they are started on and on. */
  readonly onHopeless?: (cause: Error) => void
  /** Another process has taken its place: this one drains. */
  readonly onReplaced?: (drained: Promise<{ lost: number }>) => void
}

export interface DrainOptions {
  /** Waits also for idle connections to be closed by their clients or by the idle timeout. Default false: they are closed at once. */
  readonly untilUnused?: boolean
}

/** A gateway that listens. Made by {@link StartGateway}. */
export interface Gateway {
  /** Where it listens in fact: the port is the real one also if the config asked for 0. */
  readonly listen: { readonly host: string; readonly port: number }
  /** The same of the admin listener; null or absent when there is none. */
  readonly admin?: { readonly host: string; readonly port: number } | null
  /** It speaks TLS there. Default false. */
  readonly secure?: boolean
  /** Where plain HTTP is redirected to https. */
  readonly redirect?: { readonly host: string; readonly port: number } | null
  readonly acceptorKind: 'uws' | 'node'
  /** Why `auto` took `node`; null otherwise. */
  readonly acceptorReason: string | null
  readonly workers: number
  /** Sessions in flight at the moment. */
  readonly inFlight: number
  /**
   * Stops accepting, waits for the sessions in flight up to the drain timeout, then closes.
   * @returns how many sessions were cut off, at the deadline or because `close()` was called meanwhile.
   */
  drain(options?: DrainOptions): Promise<{ lost: number }>
  /** Opens the file of the access log anew under its name, for whoever rotates it. */
  reopenLogs?(): void
  /**
   * Puts another configuration in the place of this one: new workers with fresh modules come up and take over, the old ones finish what they
   * have. All or nothing.
   * @returns the number of the configuration, 2 after the first reload
   * @throws ReloadRefused for what needs a restart; Error of a filter that cannot be loaded
   */
  reload?(config: GatewayConfig): Promise<number>
  /** There was to be a reload, but the configuration could not even be read: counted with those that failed. */
  noteFailedReload?(): void
  /** Closes at once. */
  close(): Promise<void>
}

/** What a gateway has done so far: sums over the counters of all its threads. */
export interface GatewayStats {
  /** Sessions in flight. `counters.requests` = `answered` + `aborted` + this (C16). */
  readonly inFlight: number
  /** Number of the configuration in use, 1 being that of the start. */
  readonly generation: number
  readonly counters: Readonly<Record<GatewayCounter, number>>
}

/** The gateway of this package: what embeds it may also look at its counters. */
export interface ObservableGateway extends Gateway {
  stats(): GatewayStats
  /** Share of time in which each worker's event loop was not idle since this was asked last, 0 to 1; 0 while one is being replaced. */
  workersBusy(): readonly number[]
  reload(config: GatewayConfig): Promise<number>
}

/** @throws Error with `code` of the system (`EADDRINUSE`, `EACCES`) when it cannot listen. */
export type StartGateway = (config: GatewayConfig, options: GatewayOptions) => Promise<Gateway>
