import type { ConsentSignals } from '../../session/context-consent.js'
import { fieldOf, type RequestLike } from '../context/request-like.js'

/** Nobody said anything. */
export const NO_SIGNALS: ConsentSignals = {
  gdpr: null,
  tcString: '',
  gpp: '',
  gppSid: [],
  usPrivacy: '',
  gpc: false,
  coppa: false,
  lmt: null,
}

/**
 * The privacy signals of a request, one set for each place that has any: the query (`gdpr`, `gdpr_consent`, `gpp`, `gpp_sid`,
 * `us_privacy`, `gpc`, `coppa`, `lmt`), an OpenRTB 2.6 body (§3.2.3 `regs`, `user.consent`, `device.lmt`, and where 2.5 had them beneath
 * `ext`), and the field `Sec-GPC`. They are not merged here: {@link decideConsent} takes the strictest of all.
 */
export function readConsentSignals(request: RequestLike, body?: unknown): readonly ConsentSignals[] {
  const found: ConsentSignals[] = []
  const query = request.url === undefined ? null : queryOf(request.url)
  if (query !== null) found.push(signalsOfQuery(query))
  if (isRecord(body)) found.push(signalsOfOpenRtb(body))
  if (fieldOf(request, 'sec-gpc')?.trim() === '1') found.push({ ...NO_SIGNALS, gpc: true })
  return found
}

/** What the parameters of a request say. */
export function signalsOfQuery(query: URLSearchParams): ConsentSignals {
  return {
    gdpr: flag(query.get('gdpr')),
    tcString: query.get('gdpr_consent') ?? '',
    gpp: query.get('gpp') ?? '',
    gppSid: sections((query.get('gpp_sid') ?? '').split(/[,_]/)),
    usPrivacy: query.get('us_privacy') ?? '',
    gpc: flag(query.get('gpc')) === true,
    coppa: flag(query.get('coppa')) === true,
    lmt: flag(query.get('lmt')),
  }
}

/** What an OpenRTB bid request says. */
export function signalsOfOpenRtb(body: Readonly<Record<string, unknown>>): ConsentSignals {
  const regs = record(body['regs'])
  const regsExt = record(regs['ext'])
  const user = record(body['user'])
  const sids = regs['gpp_sid'] ?? regsExt['gpp_sid']
  return {
    gdpr: flag(regs['gdpr'] ?? regsExt['gdpr']),
    tcString: text(user['consent'] ?? record(user['ext'])['consent']),
    gpp: text(regs['gpp'] ?? regsExt['gpp']),
    gppSid: Array.isArray(sids) ? sections(sids) : [],
    usPrivacy: text(regs['us_privacy'] ?? regsExt['us_privacy']),
    gpc: flag(regsExt['gpc']) === true,
    coppa: flag(regs['coppa']) === true,
    lmt: flag(record(body['device'])['lmt']),
  }
}

function queryOf(url: string): URLSearchParams | null {
  const mark = url.indexOf('?')
  if (mark < 0) return null
  const end = url.indexOf('#', mark)
  return new URLSearchParams(url.slice(mark + 1, end < 0 ? undefined : end))
}

/** Null: not said, or nothing that could be understood. */
function flag(value: unknown): boolean | null {
  if (value === 1 || value === '1' || value === true || value === 'true') return true
  return value === 0 || value === '0' || value === false || value === 'false' ? false : null
}

function sections(values: readonly unknown[]): number[] {
  return values.map(Number).filter((id) => Number.isInteger(id) && id > 0)
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function record(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}
