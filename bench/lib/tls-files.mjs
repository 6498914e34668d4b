import { fileURLToPath } from 'node:url'

const fixture = (name) => fileURLToPath(new URL(`../../test/fixtures/tls/${name}`, import.meta.url))

/** A certificate for 127.0.0.1 that nobody needs to trust. */
export const tlsFiles = { cert: fixture('localhost.crt'), key: fixture('localhost.key') }
