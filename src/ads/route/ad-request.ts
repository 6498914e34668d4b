import type { AdServingConfig, AdSourceConfig } from '../../config/types-adserving.js'
import type { ReadonlyRequestHeader } from '../../session/message-headers.js'
import type { Session } from '../../session/session.js'
import { SessionContext } from '../../session/session-context.js'
import { decideConsent, readConsentSignals, scrubContext } from '../consent/index.js'
import { type AdLogger, ANONYMOUS, cookiesOf, getUserIdFromCookies } from '../context/index.js'
import type { MacroValues } from '../macros/index.js'
import type { SessionCall } from '../session/index.js'
import type { ParamValue } from '../upstream/index.js'
import type { Device } from '../vast/index.js'
import { readQueryMacros, transactionOf } from './query-macros.js'

/** Passed on unchanged wherever they came from (ads.md §5 rank 3). */
const CONSENT_PARAMS = ['gdpr', 'gdpr_consent', 'gpp', 'gpp_sid', 'us_privacy', 'coppa', 'lmt']
const LONGEST_PARAM = 2048
const LONGEST_ID = 128

/** What the player's request came to. */
export interface AdRequest {
  readonly context: SessionContext
  readonly placement: string | undefined
  readonly campaign: string
  /** Whether ads may be selected at all, where that is asked for. */
  readonly isAllowed: boolean
  readonly call: SessionCall & {
    readonly values: MacroValues
    readonly withheld: ReadonlySet<string>
    readonly device?: Device
  }
}

/** Reads a player's request: who asks, what is allowed, which campaign, what the upstream is told. Never trusts it with money (F-31). */
export function readAdRequest(
  session: Session,
  request: ReadonlyRequestHeader,
  config: AdServingConfig,
  verifyUserId: ((value: string) => string | null) | null,
  logger: AdLogger,
): AdRequest {
  const { headers, uri } = request
  const query = new URLSearchParams(uri.query)
  const sent = cookiesOf({ headers })
  const request_id = session.requestId()
  const asked = sent['gdpr_consent']
  const consent = decideConsent(readConsentSignals({ headers, url: uri.raw }, bodyOf(session)), {
    ...(config.consent.vendorId === null ? {} : { vendorId: config.consent.vendorId }),
    ...(config.consent.optIn
      ? { siteConsent: asked === undefined ? 'unasked' : asked === '1' ? 'given' : 'refused' }
      : {}),
    onWarning: (message) => logger.warn({ request_id }, `Consent: ${message}`),
  })
  const userAgent = headers.get('user-agent')
  const referer = headers.get('referer')
  const deviceId = query.get('ifa')
  const trace = headers.get('traceparent')
  const given = readQueryMacros(query, config.macros.fromQuery)
  const correlator = transactionOf(given, consent.allowed.useIds)
  const whole = SessionContext.create({
    requestId: request_id,
    ...(correlator === undefined ? {} : { correlator }),
    ipAddress: session.clientAddress(),
    consent,
    ...(userAgent === null ? {} : { userAgent }),
    ...(referer === null ? {} : { contentUrl: referer }),
    ...(deviceId === null || deviceId === '' ? {} : { deviceId: deviceId.slice(0, LONGEST_ID) }),
    ...(trace === null ? {} : { metadata: { traceparent: trace } }),
  })
  const context = scrubContext(whole).with({
    cookies: consent.allowed.useIds ? ownCookies(sent, config, verifyUserId) : { user_id: ANONYMOUS },
  })
  const placement = query.get('placement_id')?.slice(0, LONGEST_ID)
  const campaign = campaignOf(config, placement)
  const device = deviceOf(config, context, headers.get('accept-language'), headers.get('x-requested-with'))
  return {
    context,
    placement,
    campaign,
    isAllowed: !config.consent.require || consent.allowed.selectAds,
    call: {
      context,
      campaignId: campaign,
      params: paramsOf(config, query),
      dimensions: {
        ...(placement === undefined ? {} : { placement }),
        ...dimension('pod', query.get('pod_id')),
        ...dimension('stream', query.get('stream_id')),
      },
      values: { ...macroValues(context), ...given, TRANSACTIONID: context.correlator },
      withheld: withheldBy(context),
      ...(device === null ? {} : { device }),
    },
  }
}

function ownCookies(
  sent: Readonly<Record<string, string>>,
  { user }: AdServingConfig,
  verify: ((value: string) => string | null) | null,
): Record<string, string> {
  const id = getUserIdFromCookies({ user_id: sent[user.cookie] ?? '' })
  const userId = id === ANONYMOUS || verify === null ? id : (verify(id) ?? ANONYMOUS)
  return { user_id: userId, session_id: sent[user.sessionCookie] ?? '' }
}

function campaignOf({ placements, campaign }: AdServingConfig, placement: string | undefined): string {
  return placement !== undefined && Object.hasOwn(placements, placement)
    ? (placements[placement] ?? campaign)
    : campaign
}

/** What a player says of where its ad is shown. */
function dimension(name: 'pod' | 'stream', value: string | null): Partial<Record<'pod' | 'stream', string>> {
  return value === null || value === '' ? {} : { [name]: value.slice(0, LONGEST_ID) }
}

/** What any of the sources may be told; each picks its own. */
function paramsOf({ sources }: AdServingConfig, query: URLSearchParams): Record<string, ParamValue> {
  const params: Record<string, ParamValue> = {}
  for (const name of new Set(sources.flatMap(paramNames))) {
    const value = query.get(name)
    if (value !== null && value.length <= LONGEST_PARAM) params[name] = value
  }
  return params
}

/** Parameters of the player's request that a source is told. */
export function paramNames(source: AdSourceConfig): readonly string[] {
  return source.kind === 'vast' ? [...source.forward, ...CONSENT_PARAMS] : ['placement_id']
}

function deviceOf(
  { sources, beacons }: AdServingConfig,
  { ipAddress, userAgent, contentUrl }: SessionContext,
  acceptLanguage: string | null,
  requestedWith: string | null,
): Device | null {
  if (beacons === null && !sources.some((source) => source.kind === 'vast' && source.serverSide)) return null
  return {
    ...(ipAddress === undefined ? {} : { ip: ipAddress }),
    ...(userAgent === undefined ? {} : { userAgent }),
    ...(contentUrl === undefined ? {} : { referer: contentUrl }),
    ...(acceptLanguage === null ? {} : { acceptLanguage }),
    ...(requestedWith === null ? {} : { requestedWith }),
  }
}

/** Values of VAST 4.x and of the `${…}` families that a request tells of. */
function macroValues({ consent, deviceId, ipAddress, userAgent, contentUrl }: SessionContext): MacroValues {
  const signals = consent?.signals
  if (signals === undefined) return {}
  const { gdpr, tcString, gpp, gppSid, usPrivacy, coppa, lmt } = signals
  return {
    IFA: deviceId,
    DEVICEIP: ipAddress,
    DEVICEUA: userAgent,
    PAGEURL: contentUrl,
    LIMITADTRACKING: lmt,
    REGULATIONS: [...(coppa ? ['coppa'] : []), ...(gdpr === true ? ['gdpr'] : [])],
    GDPRCONSENT: tcString,
    GPPSTRING: gpp,
    GPPSECTIONID: gppSid,
    GDPR: gdpr,
    GDPR_CONSENT: tcString === '' ? null : tcString,
    GPP_STRING: gpp === '' ? null : gpp,
    GPP_SID: gppSid.length === 0 ? null : gppSid,
    US_PRIVACY: usPrivacy === '' ? null : usPrivacy,
  }
}

/** Macros that consent withholds: they become -2. */
function withheldBy({ consent }: SessionContext): ReadonlySet<string> {
  const withheld = new Set<string>()
  if (consent?.allowed.useIds === false) for (const name of ['IFA', 'IFATYPE']) withheld.add(name)
  if (consent?.allowed.preciseGeo === false) withheld.add('LATLONG')
  return withheld
}

function bodyOf(session: Session): unknown {
  const body = session.requestBody
  if (body === null || body.length === 0) return undefined
  try {
    return JSON.parse(new TextDecoder().decode(body))
  } catch {
    return undefined
  }
}
