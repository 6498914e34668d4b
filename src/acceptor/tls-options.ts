/** TLS towards clients. PEM texts that have been checked: whoever reads them here need not expect mistakes. */
export interface AcceptorTls {
  /** At least one; the first serves also whoever names no host or an unknown one. */
  readonly certificates: readonly {
    /** Names in lower case, `*.example.com` for all one label below. */
    readonly hosts: readonly string[]
    /** With the chain behind it. */
    readonly cert: string
    readonly key: string
  }[]
  /** `uws` speaks TLS 1.2 in any case. */
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** OpenSSL's list for TLS 1.2; null: the default. */
  readonly ciphers: string | null
  /** Certificates are asked of clients; null: they are not. */
  readonly clientAuth: {
    /** Authorities that sign them. */
    readonly ca: string
    /** Who has none is refused. */
    readonly required: boolean
  } | null
}
