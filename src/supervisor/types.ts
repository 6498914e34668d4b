import type { Logger } from 'pino'
import type { GatewayConfig } from '../config/types.js'
import type { GatewayCounter } from '../session/counters.js'

export interface GatewayOptions {
  readonly logger: Logger
  /** The admin API asks to drain. Default: the gateway drains itself. */
  readonly onDrainAsked?: () => void
}

/** A gateway that listens. Made by {@link StartGateway}. */
export interface Gateway {
  /** Where it listens in fact: the port is the real one also if the config asked for 0. */
  readonly listen: { readonly host: string; readonly port: number }
  /** The same of the admin listener; null or absent when there is none. */
  readonly admin?: { readonly host: string; readonly port: number } | null
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
  drain(): Promise<{ lost: number }>
  /** Opens the file of the access log anew under its name, for whoever rotates it. */
  reopenLogs?(): void
  /** Closes at once. */
  close(): Promise<void>
}

/** What a gateway has done so far: sums over the counters of all its threads. */
export interface GatewayStats {
  /** Sessions in flight. `counters.requests` = `answered` + `aborted` + this (C16). */
  readonly inFlight: number
  readonly counters: Readonly<Record<GatewayCounter, number>>
}

/** The gateway of this package: what embeds it may also look at its counters. */
export interface ObservableGateway extends Gateway {
  stats(): GatewayStats
  /** Share of time in which each worker's event loop was not idle since this was asked last, 0 to 1; 0 while one is being replaced. */
  workersBusy(): readonly number[]
}

/** @throws Error with `code` of the system (`EADDRINUSE`, `EACCES`) when it cannot listen. */
export type StartGateway = (config: GatewayConfig, options: GatewayOptions) => Promise<Gateway>
