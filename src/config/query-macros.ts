import { InvalidValue, show } from './invalid-value.js'
import { leaf } from './leaf.js'
import { suggest } from './suggest.js'

/**
 * Macros of VAST 4.x whose values a player or a page knows, so that it may send them in its query. Not here: what the gateway makes or reads out of
 * documents, what privacy signals say (they are read with the consent), and `[IFA]`, which is the parameter `ifa`.
 */
export const QUERY_MACROS = [
  'CONTENTPLAYHEAD',
  'MEDIAPLAYHEAD',
  'BREAKPOSITION',
  'ADCATEGORIES',
  'ADCOUNT',
  'TRANSACTIONID',
  'PLACEMENTTYPE',
  'BREAKMAXDURATION',
  'BREAKMAXADS',
  'BREAKMINADLENGTH',
  'BREAKMAXADLENGTH',
  'IFATYPE',
  'CLIENTUA',
  'LATLONG',
  'DOMAIN',
  'PAGEURL',
  'APPBUNDLE',
  'VASTVERSIONS',
  'APIFRAMEWORKS',
  'EXTENSIONS',
  'VERIFICATIONVENDORS',
  'OMIDPARTNER',
  'MEDIAMIME',
  'PLAYERCAPABILITIES',
  'CLICKTYPE',
  'PLAYERSTATE',
  'INVENTORYSTATE',
  'PLAYERSIZE',
  'CONTENTID',
  'CONTENTURI',
  'STOREID',
  'STOREURL',
  'PLAYBACKMETHODS',
  'CONTENTCAT',
  'DSAREQUIRED',
  'DSAPARAMS',
  'DSAPUBRENDER',
] as const

export type QueryMacro = (typeof QUERY_MACROS)[number]

/** Each macro by its name in lower case: `?breakposition=1&playersize=640,360`. */
export const DEFAULT_QUERY_MACROS: Readonly<Record<string, QueryMacro>> = Object.fromEntries(
  QUERY_MACROS.map((name) => [name.toLowerCase(), name]),
)

/** One of {@link QUERY_MACROS}. */
export const queryMacro = leaf<QueryMacro, QueryMacro>(
  { $comment: 'macro', enum: [...QUERY_MACROS] },
  (value) => {
    const found = QUERY_MACROS.find((name) => name === value)
    if (found !== undefined) return found
    const near = typeof value === 'string' ? suggest(value.toUpperCase(), QUERY_MACROS) : null
    const hint = near === null ? 'a macro that players know, in upper case' : `did you mean '${near}'?`
    throw new InvalidValue(`${show(value)} is no macro that is taken from the query`, hint)
  },
)
