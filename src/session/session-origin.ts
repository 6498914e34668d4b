import type { ClientCertificate } from './client-certificate.js'

/** Where a session comes from: what never changes while it lives. */
export interface SessionOrigin {
  readonly remoteAddress: string
  readonly requestId: string
  readonly startMs: number
  /** How the client came to this gateway. Default `http`. */
  readonly scheme?: 'http' | 'https' | undefined
  readonly clientCertificate?: ClientCertificate | undefined
}
