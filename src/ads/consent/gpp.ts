import { GppModel } from '@iabgpp/cmpapi'
import { LONGEST_STRING, memo } from './memo.js'
import { usPrivacyVerdict } from './us-privacy.js'
import { ALL_ALLOWED, CONTEXT_ONLY, stricter, type Verdict, verdict } from './verdict.js'

/** Section ids of the Global Privacy Platform. */
const EU = 2
const CANADA = 5
const USP = 6
/** US national, and the states from there on. */
const FIRST_US = 7

interface GppString {
  readonly sections: ReadonlyMap<number, Readonly<Record<string, unknown>>>
  /** The TCF EU v2 section as a TCF string, '' when there is none. */
  readonly tcString: string
  /** The US Privacy section, '' when there is none. */
  readonly usPrivacy: string
}

const decode = memo((text: string): GppString | null => {
  if (text.length > LONGEST_STRING) return null
  try {
    const model = new GppModel(text)
    const ids = model.getSectionIds().map(Number)
    // What stands behind the header, one part for each section in the order of ids.
    const parts = text.split('~').slice(1)
    const part = (id: number): string => (ids.includes(id) ? (parts[ids.indexOf(id)] ?? '') : '')
    const sections = new Map(ids.map((id) => [id, section(model, id)] as const))
    return { sections, tcString: part(EU), usPrivacy: part(USP) }
  } catch {
    return null
  }
})

function section(model: GppModel, id: number): Readonly<Record<string, unknown>> {
  const name = SECTION_NAMES.get(id)
  // A section that the library does not know cannot be said to allow anything.
  if (name === undefined) return { SaleOptOut: 1 }
  return model.getSection(name) as Record<string, unknown>
}

const SECTION_NAMES: ReadonlyMap<number, string> = new Map(
  [
    'tcfeuv2',
    '',
    '',
    'tcfcav1',
    'uspv1',
    'usnat',
    'usca',
    'usva',
    'usco',
    'usut',
    'usct',
    'usfl',
    'usmt',
    'usor',
    'ustx',
    'usde',
    'usia',
    'usne',
    'usnh',
    'usnj',
    'ustn',
  ].flatMap((name, at) => (name === '' ? [] : [[at + EU, name] as const])),
)

export interface GppVerdict {
  readonly verdict: Verdict
  /** Of the EU section, which takes the place of the legacy one; '' when the GDPR is no matter of this string. */
  readonly tcString: string
  /** The string could not be read. */
  readonly isBroken: boolean
}

/**
 * What a GPP string allows, its EU section left to TCF.
 * @param sids sections that apply; none said: all that are in the string
 */
export function gppVerdict(text: string, sids: readonly number[]): GppVerdict {
  if (text === '') return { verdict: ALL_ALLOWED, tcString: '', isBroken: false }
  const gpp = decode(text)
  if (gpp === null) return { verdict: CONTEXT_ONLY, tcString: '', isBroken: true }
  const applies = (id: number): boolean => sids.length === 0 || sids.includes(id)
  let result = ALL_ALLOWED
  for (const [id, fields] of gpp.sections) {
    if (!applies(id)) continue
    if (id === CANADA) result = stricter(result, canadaVerdict(fields))
    else if (id >= FIRST_US) result = stricter(result, usVerdict(fields))
  }
  if (applies(USP)) result = stricter(result, usPrivacyVerdict(gpp.usPrivacy))
  return { verdict: result, tcString: applies(EU) ? gpp.tcString : '', isBroken: false }
}

/** US national and state sections: 1 is "opted out", and of children's data anything but "not applicable" counts. */
function usVerdict(fields: Readonly<Record<string, unknown>>): Verdict {
  const optedOut = ['SaleOptOut', 'SharingOptOut', 'TargetedAdvertisingOptOut'].some(
    (name) => fields[name] === 1,
  )
  const child = [fields['KnownChildSensitiveDataConsents']].flat().some((value) => value === 1 || value === 2)
  return optedOut || child || fields['Gpc'] === true ? CONTEXT_ONLY : ALL_ALLOWED
}

/** TCF Canada: each purpose needs express or implied consent. */
function canadaVerdict(fields: Readonly<Record<string, unknown>>): Verdict {
  const has = (name: string, purpose: number): boolean => {
    const bits = fields[name]
    return Array.isArray(bits) && bits[purpose - 1] === true
  }
  const given = (purpose: number): boolean =>
    has('PurposesExpressConsent', purpose) || has('PurposesImpliedConsent', purpose)
  const features = fields['SpecialFeatureExpressConsent']
  return verdict((activity) => {
    if (activity === 'selectAds') return given(2)
    if (activity === 'profile') return given(3) && given(4)
    if (activity === 'measure') return given(7)
    if (activity === 'preciseGeo') return Array.isArray(features) && features[0] === true
    return given(1)
  })
}
