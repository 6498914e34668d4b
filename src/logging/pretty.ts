import { createRequire } from 'node:module'

/** pino-pretty, loaded only where lines are made readable: JSON is what most processes write. */
export function pretty(): typeof import('pino-pretty') {
  return createRequire(import.meta.url)('pino-pretty') as typeof import('pino-pretty')
}
