/** What a URL with macros is used for. The last three are tracking pixels with a macro of their own. */
export type MacroPlace = 'request' | 'tracking' | 'error' | 'clickTracking' | 'verificationNotExecuted'

/** One macro of the IAB Tech Lab's list. */
export interface MacroInfo {
  readonly name: string
  /** VAST version that introduced it; `4.x` and `next` as the list says. */
  readonly since: string
  /** Only what is not required may be answered with -1 (unknown) or -2 (withheld). */
  readonly support: 'required' | 'optional' | 'deprecated'
  /** `both`: requests and every tracking pixel. */
  readonly where: 'both' | MacroPlace
  readonly type: string
  /**
   * Who knows the value: the gateway (`own`), whoever asked for the ad (`relay`), or only the player (`player`).
   */
  readonly source: 'own' | 'relay' | 'player'
}

type Row = readonly [string, string, MacroInfo['support'], MacroInfo['where'], string, MacroInfo['source']]

/**
 * The 59 macros of VAST 4.x as IAB Tech Lab publishes them (the list that VAST 4.3 §6 names as authoritative), in its order.
 */
const ROWS: readonly Row[] = [
  ['TIMESTAMP', '4.0', 'required', 'both', 'string', 'own'],
  ['CACHEBUSTING', '3.0', 'required', 'both', 'integer', 'own'],
  ['CONTENTPLAYHEAD', '3.0', 'deprecated', 'both', 'timecode', 'player'],
  ['MEDIAPLAYHEAD', '4.1', 'optional', 'both', 'timecode', 'player'],
  ['BREAKPOSITION', '4.1', 'optional', 'both', 'integer', 'relay'],
  ['BLOCKEDADCATEGORIES', '4.1', 'optional', 'request', 'Array<string>', 'own'],
  ['ADCATEGORIES', '4.1', 'optional', 'request', 'Array<string>', 'relay'],
  ['ADCOUNT', '4.1', 'optional', 'both', 'integer', 'relay'],
  ['TRANSACTIONID', '4.1', 'optional', 'both', 'UUID', 'own'],
  ['PLACEMENTTYPE', '4.1', 'optional', 'both', 'integer', 'relay'],
  ['ADTYPE', '4.1', 'optional', 'both', 'string', 'own'],
  ['UNIVERSALADID', '4.1', 'optional', 'tracking', 'Array<string>', 'own'],
  ['BREAKMAXDURATION', '4.2', 'optional', 'both', 'integer', 'relay'],
  ['BREAKMAXADS', '4.2', 'optional', 'both', 'integer', 'relay'],
  ['BREAKMINADLENGTH', '4.2', 'optional', 'both', 'integer', 'relay'],
  ['BREAKMAXADLENGTH', '4.2', 'optional', 'both', 'integer', 'relay'],
  ['IFA', '4.1', 'optional', 'both', 'string', 'relay'],
  ['IFATYPE', '4.1', 'optional', 'both', 'string', 'relay'],
  ['CLIENTUA', '4.1', 'optional', 'both', 'string', 'player'],
  ['SERVERUA', '4.1', 'optional', 'both', 'string', 'own'],
  ['DEVICEUA', '4.1', 'optional', 'both', 'string', 'own'],
  ['SERVERSIDE', '4.1', 'optional', 'both', 'integer', 'own'],
  ['DEVICEIP', '4.1', 'optional', 'both', 'string', 'own'],
  ['LATLONG', '4.1', 'optional', 'both', 'Array<number>(2)', 'relay'],
  ['DOMAIN', '4.1', 'optional', 'both', 'string', 'relay'],
  ['PAGEURL', '4.1', 'optional', 'both', 'string', 'relay'],
  ['APPBUNDLE', '4.1', 'optional', 'both', 'string', 'relay'],
  ['VASTVERSIONS', '4.1', 'optional', 'request', 'Array<integer>', 'relay'],
  ['APIFRAMEWORKS', '4.1', 'optional', 'request', 'Array<number>', 'player'],
  ['EXTENSIONS', '4.1', 'optional', 'request', 'Array<string>', 'player'],
  ['VERIFICATIONVENDORS', '4.1', 'optional', 'request', 'Array<string>', 'player'],
  ['OMIDPARTNER', '4.1', 'optional', 'both', 'string', 'player'],
  ['MEDIAMIME', '4.1', 'optional', 'request', 'Array<string>', 'player'],
  ['PLAYERCAPABILITIES', '4.1', 'optional', 'both', 'Array<string>', 'player'],
  ['CLICKTYPE', '4.1', 'optional', 'both', 'integer', 'player'],
  ['PLAYERSTATE', '4.1', 'optional', 'tracking', 'Array<string>', 'player'],
  ['INVENTORYSTATE', '4.1', 'optional', 'both', 'Array<string>', 'player'],
  ['PLAYERSIZE', '4.1', 'optional', 'both', 'Array<integer>', 'player'],
  ['ADPLAYHEAD', '4.1', 'optional', 'tracking', 'timecode', 'player'],
  ['ASSETURI', '3.0', 'optional', 'tracking', 'string', 'player'],
  ['CONTENTID', '4.1', 'optional', 'both', 'string', 'relay'],
  ['CONTENTURI', '4.1', 'optional', 'both', 'string', 'relay'],
  ['PODSEQUENCE', '4.1', 'optional', 'tracking', 'integer', 'own'],
  ['ADSERVINGID', '4.1', 'optional', 'tracking', 'string', 'own'],
  ['CLICKPOS', '4.1', 'optional', 'clickTracking', 'Array<number>(2)', 'player'],
  ['ERRORCODE', '3.0', 'required', 'error', 'integer', 'own'],
  ['REASON', '4.1', 'required', 'verificationNotExecuted', 'integer', 'player'],
  ['LIMITADTRACKING', '4.1', 'required', 'both', 'integer', 'relay'],
  ['REGULATIONS', '4.1', 'optional', 'both', 'Array<string>', 'relay'],
  ['GDPRCONSENT', '4.1', 'optional', 'both', 'string', 'relay'],
  ['STOREID', '4.x', 'optional', 'both', 'string', 'relay'],
  ['STOREURL', '4.x', 'optional', 'both', 'string', 'relay'],
  ['PLAYBACKMETHODS', '4.x', 'optional', 'both', 'integer', 'player'],
  ['CONTENTCAT', '4.x', 'optional', 'request', 'Array<string>', 'relay'],
  ['GPPSTRING', '4.x', 'optional', 'both', 'string', 'relay'],
  ['GPPSECTIONID', '4.x', 'optional', 'both', 'Array<integer>', 'relay'],
  ['DSAREQUIRED', 'next', 'optional', 'request', 'integer', 'relay'],
  ['DSAPARAMS', 'next', 'optional', 'request', 'Array<integer>', 'relay'],
  ['DSAPUBRENDER', 'next', 'optional', 'request', 'integer', 'relay'],
]

/** By name. */
export const VAST_MACROS: ReadonlyMap<string, MacroInfo> = new Map(
  ROWS.map(([name, since, support, where, type, source]) => [
    name,
    { name, since, support, where, type, source },
  ]),
)

/** Whether a macro has a meaning there: `[ERRORCODE]` has none in an ad request (VAST 4.3 §6.1). */
export function belongsTo(info: MacroInfo, place: MacroPlace): boolean {
  if (info.where === 'both' || info.where === place) return true
  return info.where === 'tracking' && place !== 'request'
}
