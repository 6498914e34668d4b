import type { ConsentSignals, ContextConsent } from '../../session/context-consent.js'
import { gppVerdict } from './gpp.js'
import { NO_SIGNALS } from './read-signals.js'
import { isTcString, tcfVerdict } from './tcf.js'
import { usPrivacyVerdict } from './us-privacy.js'
import { ALL_ALLOWED, ALL_REFUSED, CONTEXT_ONLY, stricter, type Verdict } from './verdict.js'

/** GPP section of the EU. */
const EU = 2

export interface ConsentOptions {
  /** Own id on the IAB Global Vendor List, whose bit must be set too. Default: the publisher acts itself, purposes alone count. */
  readonly vendorId?: number
  /**
   * What the site's own question came to, where it asks one: `refused` refuses, and `unasked` does unless a TCF string has consent.
   * Default: the site has no question of its own.
   */
  readonly siteConsent?: 'given' | 'refused' | 'unasked'
  /** Hears of signals that contradict each other or cannot be read. */
  readonly onWarning?: (message: string) => void
}

/**
 * What may be done, from all signals of a request: every one can only take away, the strictest decides for each activity (ads.md §5 rank 3,
 * B-39, F-28).
 *
 * - GDPR (`gdpr=1`, section 2 in `gpp_sid`, or a TCF string while nobody says `gdpr=0`): what the string allows; without one, nothing.
 *   The EU section of a GPP string counts in place of the legacy string.
 * - US Privacy, the US sections of GPP, `Sec-GPC: 1`: an opt-out leaves ads by context and their measurement. So do COPPA and limited
 *   ad tracking.
 * - What cannot be read refuses as its kind would.
 */
export function decideConsent(
  sources: ConsentSignals | readonly ConsentSignals[],
  options: ConsentOptions = {},
): ContextConsent {
  const all = isMany(sources) ? sources : [sources]
  const signals = mergeSignals(all, options.onWarning)
  const { vendorId = null, siteConsent, onWarning } = options
  let allowed = signals.coppa || signals.lmt === true || signals.gpc ? CONTEXT_ONLY : ALL_ALLOWED
  let hasConsent = false
  for (const { gpp, gppSid, tcString, usPrivacy } of all) {
    allowed = stricter(allowed, usPrivacyVerdict(usPrivacy))
    const fromGpp = gppVerdict(gpp, gppSid)
    if (fromGpp.isBroken) onWarning?.('the GPP string cannot be read')
    allowed = stricter(allowed, fromGpp.verdict)
    if (fromGpp.tcString !== '' && tcString !== '' && fromGpp.tcString !== tcString)
      onWarning?.('gdpr_consent and the EU section of gpp differ: that of gpp counts')
    const text = fromGpp.tcString === '' ? tcString : fromGpp.tcString
    if (text === '' || signals.gdpr === false) continue
    if (!isTcString(text)) onWarning?.('the TCF string cannot be read')
    const byTcf = tcfVerdict(text, vendorId)
    allowed = stricter(allowed, byTcf)
    hasConsent ||= byTcf.useIds
  }
  const hasString = all.some((it) => it.tcString !== '' || gppVerdict(it.gpp, it.gppSid).tcString !== '')
  if (signals.gdpr === true && !hasString) allowed = ALL_REFUSED
  allowed = stricter(allowed, siteVerdict(siteConsent, hasConsent))
  return { signals, allowed }
}

function siteVerdict(siteConsent: ConsentOptions['siteConsent'], hasConsent: boolean): Verdict {
  if (siteConsent === undefined || siteConsent === 'given') return ALL_ALLOWED
  return siteConsent === 'unasked' && hasConsent ? ALL_ALLOWED : CONTEXT_ONLY
}

/** For passing on: strings as the first place has them, flags as soon as one place says so. */
function mergeSignals(
  all: readonly ConsentSignals[],
  onWarning: ((message: string) => void) | undefined,
): ConsentSignals {
  const first = (pick: (signals: ConsentSignals) => string, name: string): string => {
    const values = [...new Set(all.map(pick).filter((value) => value !== ''))]
    if (values.length > 1) onWarning?.(`${name} is given twice and differs: the stricter one decides`)
    return values[0] ?? ''
  }
  const gppSid = [...new Set(all.flatMap((signals) => signals.gppSid))]
  return {
    ...NO_SIGNALS,
    gdpr: gppSid.includes(EU) ? true : strictest(all.map(({ gdpr }) => gdpr)),
    tcString: first(({ tcString }) => tcString, 'gdpr_consent'),
    gpp: first(({ gpp }) => gpp, 'gpp'),
    gppSid,
    usPrivacy: first(({ usPrivacy }) => usPrivacy, 'us_privacy'),
    gpc: all.some(({ gpc }) => gpc),
    coppa: all.some(({ coppa }) => coppa),
    lmt: strictest(all.map(({ lmt }) => lmt)),
  }
}

/** One yes is enough; null: nobody said. */
function strictest(says: readonly (boolean | null)[]): boolean | null {
  return says.includes(true) ? true : says.includes(false) ? false : null
}

function isMany(sources: ConsentSignals | readonly ConsentSignals[]): sources is readonly ConsentSignals[] {
  return Array.isArray(sources)
}
