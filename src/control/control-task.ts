import type { RouteCacheConfig } from '../cache/cache-config.js'
import type { CacheMemory } from '../cache/cache-memory.js'
import type { LogLevel } from '../config/types.js'
import type { UpstreamConfig } from '../config/types-upstream.js'
import type { EndedSpan } from '../otlp/index.js'
import type { OtlpConfig } from '../otlp/types.js'
import type { AdPlan, TelemetryBuffers } from '../telemetry/index.js'
import type { DnsSettings, HealthEvent } from '../upstream/index.js'
import type { AccessRules } from './access.js'
import type { AdminCommand, CommandResult } from './admin-command.js'

/** What the control thread is given: where to listen and the shared memory that it reads. Plain data. */
export interface ControlTask {
  readonly host: string
  /** Null: nothing listens, the thread is there for health checks and names alone. */
  readonly port: number | null
  /** Seats of workers: more than there are workers. */
  readonly workers: number
  readonly board: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  readonly histograms: SharedArrayBuffer
  readonly telemetry: TelemetryBuffers
  readonly access: AccessRules
  /** The effective configuration without its secrets, as `/config` shows it. */
  readonly config: unknown
  readonly logLevel: LogLevel
  /** Names of the rows of histograms, as of `rowNames`: the routes by index, and one behind them. */
  readonly routes: readonly string[]
  /** One 32-bit word: 1 while the gateway drains. */
  readonly draining: SharedArrayBuffer
  /** Of the `LifecycleBoard`; absent: nothing is told about reloads. */
  readonly lifecycle?: SharedArrayBuffer
  readonly version: string
  /** Absent: nothing is exported. */
  readonly otlp?: OtlpConfig
  /** How clients come here. Default http. */
  readonly scheme?: 'http' | 'https'
  /** Absent: no route has a cache. */
  readonly cache?: {
    readonly memory: CacheMemory
    /** By route; null: it has none. */
    readonly routes: readonly (RouteCacheConfig | null)[]
  }
  /** Of the `AdGauges`; absent: no route serves ads. */
  readonly ads?: { readonly plan: AdPlan; readonly gauges: SharedArrayBuffer }
  /** All peers, and what is to be checked of them; absent: none. */
  readonly peers?: {
    /** Of the `PeerTable`. */
    readonly table: SharedArrayBuffer
    readonly upstreams: readonly UpstreamConfig[]
    readonly clockAnchorMs: number
    readonly dns: DnsSettings
  }
}

/** To the control thread. */
export type ControlOrder =
  /** Another configuration is in use: the task as it is now. The listener stays where it is. */
  | { readonly type: 'use'; readonly task: ControlTask }
  | { readonly type: 'result'; readonly id: number; readonly result: CommandResult }
  /** Another process takes over the address of the admin listener. */
  | { readonly type: 'unlisten' }
  /** It has not come to that. */
  | { readonly type: 'listen-again' }
  /** Of sessions that the acceptor answered, to be exported. */
  | { readonly type: 'spans'; readonly spans: readonly EndedSpan[] }
  /** The gateway ends: what is left is exported now. */
  | { readonly type: 'finish' }

/** From the control thread: once where it listens, or why it does not; and what the health checks find. */
export type ControlMessage =
  | { readonly type: 'health'; readonly event: HealthEvent }
  | {
      readonly type: 'log'
      readonly level: 'debug' | 'info' | 'warn'
      readonly fields: Readonly<Record<string, unknown>>
      readonly text: string
    }
  | { readonly type: 'command'; readonly id: number; readonly command: AdminCommand }
  | { readonly type: 'unlistened' }
  | { readonly type: 'spans-taken'; readonly count: number }
  | { readonly type: 'finished' }
  | { readonly type: 'started' }
  | { readonly type: 'listening'; readonly host: string; readonly port: number }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
