import type { AcceptorTls } from '../acceptor/tls-options.js'
import type { AccessLogConfig } from '../access-log/types.js'
import type { CacheMemoryConfig, RouteCacheConfig } from '../cache/cache-config.js'
import type { ForwardingConfig } from '../forwarding/index.js'
import type { OtlpConfig } from '../otlp/types.js'
import type { FieldCondition, RewriteConfig, RouteAction, StickyKey, TargetRules } from '../routing/index.js'
import type { TracerOptions } from '../tracing/index.js'
import type { DnsSettings } from '../upstream/dns/types.js'
import type { AdServingConfig } from './types-adserving.js'
import type { HostPolicy, UpstreamConfig } from './types-upstream.js'

/**
 * The effective configuration: plain data that survives a structured clone, every default filled in, every unit
 * resolved into the number that its name tells. Where a limit may be switched off, 0 means off.
 */
export interface GatewayConfig {
  /** Absolute path of the file it was read from; null when it came from the command line alone. */
  readonly file: string | null
  readonly listen: ListenAddress
  /** Null: no admin listener. */
  readonly admin: AdminConfig | null
  /** Absent: plain HTTP. */
  readonly tls?: DownstreamTlsConfig
  readonly workers: WorkerCount
  readonly acceptor: 'auto' | 'uws' | 'node'
  readonly limits: LimitsConfig
  readonly client: ClientConfig
  readonly forwarding: ForwardingConfig
  readonly paths: TargetRules
  readonly overload: OverloadConfig
  readonly drain: DrainConfig
  readonly workerLimits: WorkerLimitsConfig
  readonly log: LogConfig
  /** False: no latencies, and no requests by route. Absent: true. */
  readonly telemetry?: boolean
  /** Absent: none. */
  readonly accessLog?: AccessLogConfig
  /** Absent: fields about traces are forwarded as they are. */
  readonly tracing?: TracerOptions
  /** Absent: nothing is exported. */
  readonly otlp?: OtlpConfig
  /** Absent: the defaults. */
  readonly answers?: AnswersConfig
  readonly dns: DnsSettings
  /** Absent: no route has a cache. */
  readonly cache?: CacheMemoryConfig
  /** At least one, names unique. */
  readonly upstreams: readonly UpstreamConfig[]
  /** At least one, in the order in which they are tried: the first match wins. */
  readonly routes: readonly RouteConfig[]
}

/** TLS towards clients; files read and checked. */
export interface DownstreamTlsConfig extends AcceptorTls {
  /** Where plain HTTP is redirected; null: nowhere. */
  readonly redirect: ListenAddress | null
  /** Absolute paths of what was read. */
  readonly files: readonly string[]
  /** Value of Strict-Transport-Security; '' = none. */
  readonly hsts: string
}

export interface ListenAddress {
  /** Address or name without brackets; '0.0.0.0' or '::' for all. */
  readonly host: string
  /** 0: an ephemeral port. */
  readonly port: number
}

export interface AdminConfig extends ListenAddress {
  /** What clients must show; absent: nothing, which is for loopback addresses only. */
  readonly token?: string
  /** Names that may stand in Host, lower case, beside `localhost` and any address. */
  readonly hosts?: readonly string[]
}

export interface WorkerCount {
  /** At least 1. */
  readonly count: number
  /** Why this number, for the start line: `auto: 2 cores, one for the acceptor`, or `set`. */
  readonly reason: string
}

/** Fits AcceptorLimits of src/acceptor/types.ts, with the gateway's own beside it. */
export interface LimitsConfig {
  readonly headerBytes: number
  readonly headerCount: number
  readonly targetBytes: number
  /** Request body; 0 = unlimited. */
  readonly bodyBytes: number
  /** Largest WebSocket message of a client that the `uws` acceptor takes. */
  readonly webSocketMessageBytes: number
  /** Largest that it compresses for a client; 0 = none. */
  readonly webSocketCompressedBytes: number
  /** Largest body that a filter may have buffered. */
  readonly bufferedBodyBytes: number
  readonly connections: number
  /** Longest an asynchronous hook of a filter may take. */
  readonly filterMs: number
  /** Of one client; 0 = any number. */
  readonly connectionsPerAddress: number
  /** In flight per worker. */
  readonly sessionsPerWorker: number
}

/** Fits AcceptorTimeouts of src/acceptor/types.ts. */
export interface ClientConfig {
  readonly idleMs: number
  readonly bodyMs: number
  readonly writeMs: number
  readonly chunked: 'close' | 'reject'
}

export interface OverloadConfig {
  /** Sessions that may wait for a worker; 0 = none. */
  readonly queueSessions: number
  readonly queueMs: number
  /** Resident memory; 0 = any. */
  readonly memoryBytes: number
  /** Delay of the acceptor's event loop; 0 = any. */
  readonly lagMs: number
}

export interface DrainConfig {
  /** Longest wait for sessions in flight. */
  readonly timeoutMs: number
  /** Time between not being ready any more and no longer accepting. */
  readonly delayMs: number
}

export interface WorkerLimitsConfig {
  /** Old generation heap of a worker; 0 = V8's own limit. */
  readonly heapBytes: number
  /** Silence of the heartbeat after which a worker is replaced; 0 = off. */
  readonly watchdogMs: number
  /** Age at which a worker is replaced; 0 = none. */
  readonly maxAgeMs: number
  /** Heap and buffers beyond which it is; 0 = any. */
  readonly memoryBytes: number
  /** Deaths in a row, of every worker, before it was of any use, after which the gateway ends; 0 = never. */
  readonly failedStarts: number
}

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export interface LogConfig {
  readonly level: LogLevel
  readonly format: 'auto' | 'json' | 'pretty'
  /** As asked for; `GatewayConfig.accessLog` says what came of it. */
  readonly access: boolean
}

/** What answers tell about the gateway. */
export interface AnswersConfig {
  /** `Server-Timing` in answers. Default false. */
  readonly serverTiming: boolean
  /** `Cache-Status` in answers of routes with a cache. Default true. */
  readonly cacheStatus: boolean
  /** `Proxy-Status` in error answers. Default true. */
  readonly proxyStatus: boolean
}

export interface RouteConfig {
  /** Unique and readable, for logs and metrics: `example.com/static/*`, `GET,HEAD /*`. */
  readonly name: string
  readonly match: RouteMatch
  /** Name of an upstream that exists; null where `split`, `action` or `adserving` stands in its place. */
  readonly upstream: string | null
  readonly split?: SplitConfig
  /** The route answers by itself. */
  readonly action?: RouteAction
  /** The route serves ads. */
  readonly adserving?: AdServingConfig
  readonly mirror?: MirrorConfig
  /** Absent: answers are not stored. */
  readonly cache?: RouteCacheConfig
  readonly rewrite?: RewriteConfig
  /** Overrules that of the upstream. */
  readonly host?: HostPolicy
  /** What is refused first under overload. Absent: normal. */
  readonly priority?: 'low' | 'normal' | 'high'
  /** In the order in which they run. */
  readonly filters: readonly FilterRef[]
  /** Protocols, in lower case, that clients may switch to; all others are forwarded as plain requests. */
  readonly upgrades: readonly string[]
  readonly bufferRequestBody: boolean
  readonly bufferResponseBody: boolean
}

export interface SplitConfig {
  /** At least one weight is above 0. */
  readonly branches: readonly { readonly upstream: string; readonly weight: number }[]
  readonly key: StickyKey
}

export interface MirrorConfig {
  readonly upstream: string
  /** From 0 to 1. */
  readonly share: number
  /** Copies under way per worker. */
  readonly maxInFlight: number
  readonly maxBodyBytes: number
  readonly timeoutMs: number
}

export interface RouteMatch {
  /** Lower case, without port; null = any. `*.example.com` stands for one or more labels before `.example.com`. */
  readonly host: string | null
  /** As `parsePathPattern` of routing/ reads it. `/a/*` matches `/a/` and all below it, not `/a`. */
  readonly path: string
  /** Upper case; null = any. */
  readonly methods: readonly string[] | null
  /** All must hold. Default: none. */
  readonly headers?: readonly FieldCondition[]
  readonly query?: readonly FieldCondition[]
}

/** Names of the filters that come with the gateway. */
export const BUILTIN_FILTERS = ['headers', 'request-id', 'rate-limit', 'compress', 'decompress'] as const

export type BuiltinFilterName = (typeof BUILTIN_FILTERS)[number]

/** A filter to load: one that comes with the gateway, or a module. */
export type FilterRef =
  | { readonly kind: 'builtin'; readonly name: BuiltinFilterName; readonly options: FilterOptions }
  | {
      readonly kind: 'module'
      /** As written in the config, for messages. */
      readonly name: string
      /** `file:` URL that can be imported; a `.ts` file needs a TypeScript loader on Node 20. */
      readonly specifier: string
      readonly options: FilterOptions
    }

/** What stands under `with`, unchecked: the filter validates it. Null when absent. */
export type FilterOptions = Readonly<Record<string, unknown>> | null
