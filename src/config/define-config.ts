import type { UserConfig } from './schema.js'

/** Gives a `headgate.config.ts` its types. Returns what it is given. */
export function defineConfig(config: UserConfig): UserConfig {
  return config
}
