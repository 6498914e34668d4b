import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of `test/fixtures/tls`: its path for a configuration, its content for a server. */
export function tlsFixture(name: string): { readonly path: string; readonly pem: string } {
  const path = fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url))
  return { path, pem: readFileSync(path, 'utf8') }
}
