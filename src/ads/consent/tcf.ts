import { type TCModel, TCString } from '@iabtcf/core'
import { LONGEST_STRING, memo } from './memo.js'
import { ALL_REFUSED, type Verdict } from './verdict.js'

/** TCF policy from which on profiles need consent: no legitimate interest any more (TCF 2.2). */
const CONSENT_ONLY_POLICY = 4
const RESTRICTION = { notAllowed: 0, requireConsent: 1, requireInterest: 2 } as const

const decode = memo((text: string): TCModel | null => {
  if (text.length > LONGEST_STRING) return null
  try {
    const model = TCString.decode(text)
    return model.version === 2 ? model : null
  } catch {
    return null
  }
})

/** Could this be read as a TCF v2 string? */
export function isTcString(text: string): boolean {
  return decode(text) !== null
}

/**
 * What a TCF v2 string allows where the GDPR applies. An absent or unreadable one allows nothing.
 * @param vendorId id on the Global Vendor List of who acts; null: the publisher itself, whose purposes alone count
 */
export function tcfVerdict(text: string, vendorId: number | null): Verdict {
  const model = text === '' ? null : decode(text)
  if (model === null) return ALL_REFUSED
  const consent = (purpose: number): boolean => allowed(model, purpose, vendorId, false)
  const either = (purpose: number): boolean => allowed(model, purpose, vendorId, true)
  const profile = Number(model.policyVersion) >= CONSENT_ONLY_POLICY ? consent : either
  const useIds = consent(1)
  return {
    useIds,
    selectAds: either(2),
    profile: profile(3) && profile(4),
    measure: either(7),
    syncIds: useIds,
    preciseGeo: model.specialFeatureOptins.has(1),
  }
}

function allowed(model: TCModel, purpose: number, vendorId: number | null, byInterest: boolean): boolean {
  const rules =
    vendorId === null
      ? []
      : model.publisherRestrictions
          .getRestrictions(vendorId)
          .filter((rule) => rule.purposeId === purpose)
          .map((rule): number => rule.restrictionType)
  if (rules.includes(RESTRICTION.notAllowed)) return false
  const consent =
    !rules.includes(RESTRICTION.requireInterest) &&
    model.purposeConsents.has(purpose) &&
    (vendorId === null || model.vendorConsents.has(vendorId))
  const interest =
    byInterest &&
    !rules.includes(RESTRICTION.requireConsent) &&
    model.purposeLegitimateInterests.has(purpose) &&
    (vendorId === null || model.vendorLegitimateInterests.has(vendorId))
  return consent || interest
}
