import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AcceptorTls } from '../tls-options.js'
import type { UwsApp, UwsNative, UwsTlsOptions } from './native-types.js'

/**
 * An application over TLS. uWS reads files only and is silent about what is wrong with them, or ends the process: so what has been checked is written
 * where only this process can read it, and taken away again.
 * @param routes adds the handlers: each server name has its own
 */
export function createTlsApp(native: UwsNative, tls: AcceptorTls, routes: (app: UwsApp) => void): UwsApp {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-tls-'))
  try {
    const file = (name: string, text: string): string => {
      const path = join(folder, name)
      writeFileSync(path, text, { mode: 0o600 })
      return path
    }
    const { ciphers, clientAuth } = tls
    const common: UwsTlsOptions = {
      ...(clientAuth !== null && { ca_file_name: file('ca', clientAuth.ca) }),
      ...(ciphers !== null && { ssl_ciphers: ciphers }),
    }
    const options = tls.certificates.map(({ cert, key }, index) => ({
      ...common,
      cert_file_name: file(`${index}.crt`, cert),
      key_file_name: file(`${index}.key`, key),
    }))
    const app = native.SSLApp(options[0] ?? common)
    routes(app)
    const named = new Set(tls.certificates[0]?.hosts)
    for (const [index, { hosts }] of tls.certificates.entries()) {
      if (index === 0) continue
      for (const host of hosts) {
        if (named.has(host)) continue
        named.add(host)
        app.addServerName(host, options[index] ?? common)
        routes(app.domain(host))
      }
    }
    return app
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
