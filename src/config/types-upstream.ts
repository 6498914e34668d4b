import type { BalanceAlgorithm } from '../upstream/balance/index.js'
import type { BreakerConfig, LimitConfig, RetryConfig } from '../upstream/guard/types.js'
import type { ConnectTarget, UpstreamTimeouts } from '../upstream/http1/types.js'

/** One upstream of the effective configuration, see `GatewayConfig`. */
export interface UpstreamConfig {
  readonly name: string
  /** At least one; ids are unique within the upstream. */
  readonly peers: readonly PeerConfig[]
  /** Absent: round robin. */
  readonly balance?: BalanceConfig
  /** Share of healthy peers below which health is not looked at any more; 0 = never. Absent: 0.25. */
  readonly panicThreshold?: number
  /** When peers are left out for what became of sessions. Absent: the defaults. */
  readonly ejection?: EjectionConfig
  /** Active checks; absent: none. */
  readonly health?: HealthCheckConfig
  readonly timeouts: UpstreamTimeouts & {
    /** Deadline of the whole session; 0 = none. */
    readonly totalMs: number
    /** Longest silence of a tunnel, both directions; 0 = none. */
    readonly tunnelMs: number
  }
  readonly retries: RetryConfig
  /** How many sessions it gets at once; absent: any number. */
  readonly limits?: LimitConfig
  /** When it is left alone; absent: never. */
  readonly breaker?: BreakerConfig
  readonly pool: PoolConfig
  /** Host that the peers are told. Default: that of the request. */
  readonly host?: HostPolicy
}

export interface PeerConfig extends ConnectTarget {
  /** Whole number, at least 1. Absent: 1. */
  readonly weight?: number
  /** Sessions that may use it at the same time, over all workers; absent: no limit. */
  readonly maxConnections?: number
  /** It gets no sessions. Absent: false. */
  readonly maintenance?: boolean
}

export interface BalanceConfig {
  readonly algorithm: BalanceAlgorithm
  /** What hashing algorithms hash; the client's address stands in where there is no such header or cookie. */
  readonly key:
    | { readonly kind: 'ip' | 'path' }
    | { readonly kind: 'header' | 'cookie'; readonly name: string }
  /** With a hash: no peer gets more than this factor of the average load; 0 = no bound. */
  readonly loadBound: number
}

/** Failures in a row after which a peer is ejected (0 = such failures do not count), and for how long. */
export interface EjectionConfig {
  readonly connectFailures: number
  /** 502, 503, 504, broken and late answers; connect failures as well. */
  readonly gatewayErrors: number
  /** Any 5xx; gateway errors and connect failures as well. */
  readonly serverErrors: number
  /** Length of the first ejection; each further one doubles it. */
  readonly timeMs: number
  readonly maxTimeMs: number
  /** Share of the peers that may be ejected at the same time, at least one; 0 = ejection is off. */
  readonly maxShare: number
}

export interface HealthCheckConfig {
  readonly check:
    | {
        readonly kind: 'http'
        readonly path: string
        /** Host header; null: that of the peer. */
        readonly host: string | null
        /** Ranges of statuses, both ends included. */
        readonly expectedStatus: readonly (readonly [from: number, to: number])[]
      }
    | { readonly kind: 'tcp' }
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly healthyAfter: number
  readonly unhealthyAfter: number
}

/** Which Host an upstream is told: that of the request, the address of the peer, or a fixed one. */
export type HostPolicy =
  | { readonly kind: 'preserve' }
  | { readonly kind: 'upstream' }
  | { readonly kind: 'value'; readonly value: string }

export interface PoolConfig {
  /** Idle connections kept per peer and worker. */
  readonly maxIdle: number
  readonly idleMs: number
  /** Age after which a connection is not reused; 0 = none. */
  readonly maxAgeMs: number
}
