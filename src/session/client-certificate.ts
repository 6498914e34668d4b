import { X509Certificate } from 'node:crypto'

/** Who a client is by its TLS certificate, which an authority of `tls.clientAuth` has signed. Plain data. */
export interface ClientCertificate {
  /** `CN=client`, several parts on a line each. */
  readonly subject: string
  readonly issuer: string
  /** `DNS:client.example, URI:spiffe://…`; '' for none. */
  readonly subjectAltName: string
  /** Hexadecimal. */
  readonly serialNumber: string
  /** SHA-256, `AB:CD:…`. */
  readonly fingerprint256: string
  /** As OpenSSL writes it: `Jan  1 00:00:00 2120 GMT`. */
  readonly validTo: string
}

/** Certificates that are remembered, so that not every request of a client parses its own again. */
const REMEMBERED = 1000

/** Reads certificates, of a client that comes again only once. */
export class ClientCertificates {
  readonly #known = new Map<string, ClientCertificate>()

  /** @param pem or DER; '' gives null, and so does what is no certificate */
  read(pem: string | Buffer): ClientCertificate | null {
    if (pem.length === 0) return null
    const key = typeof pem === 'string' ? pem : pem.toString('latin1')
    const known = this.#known.get(key)
    if (known !== undefined) return known
    try {
      const {
        subject,
        issuer,
        subjectAltName = '',
        serialNumber,
        fingerprint256,
        validTo,
      } = new X509Certificate(pem)
      const read = { subject, issuer, subjectAltName, serialNumber, fingerprint256, validTo }
      const [oldest] = this.#known.keys()
      if (this.#known.size >= REMEMBERED && oldest !== undefined) this.#known.delete(oldest)
      this.#known.set(key, read)
      return read
    } catch {
      return null
    }
  }
}
