import type { AdServingConfig } from '../../config/types-adserving.js'
import { packageVersion } from '../../config/version.js'
import type { MacroEngineOptions } from '../macros/index.js'

/** `{service name}/{version}`, of whoever asks for a client (ads.md §4.3, row 20). */
const SERVER_UA = `headgate/${packageVersion()}`

/** Macros of a route: what the configuration says, over what the gateway says of itself. */
export function macroOptions({ profile, custom }: AdServingConfig['macros']): MacroEngineOptions {
  return { profile, custom: { SERVERUA: SERVER_UA, ...custom } }
}
