import { readFileSync } from 'node:fs'

const folder = new URL('../../fixtures/tls/', import.meta.url)

/** Self-signed, for localhost, origin.test and 127.0.0.1. */
export const CERTIFICATE = readFileSync(new URL('localhost.crt', folder), 'utf8')
export const PRIVATE_KEY = readFileSync(new URL('localhost.key', folder), 'utf8')
