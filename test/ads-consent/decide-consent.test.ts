import { GppModel } from '@iabgpp/cmpapi'
import { RestrictionType } from '@iabtcf/core'
import { describe, expect, it } from 'vitest'
import {
  ACTIVITIES,
  type ConsentSignals,
  decideConsent,
  NO_SIGNALS,
  readConsentSignals,
  SessionContext,
  scrubContext,
  truncateIp,
} from '#src/ads/index.js'
import { tcString } from '../support/tc-strings.js'

const ALL = tcString({ consents: [1, 2, 3, 4, 7], vendors: [12], features: [1] })

/** Activities that are allowed, in order. */
function allowed(signals: Partial<ConsentSignals>, options = {}): string[] {
  const decided = decideConsent({ ...NO_SIGNALS, ...signals }, options).allowed
  return ACTIVITIES.filter((activity) => decided[activity])
}

function gpp(fill: (model: GppModel) => void): string {
  const model = new GppModel()
  fill(model)
  return model.encode()
}

const CONTEXT_ONLY = ['selectAds', 'measure']

describe('decideConsent', () => {
  it('B-39 allows everything where nobody says anything, or only that the GDPR does not apply', () => {
    expect(allowed({})).toEqual(ACTIVITIES)
    expect(allowed({ gdpr: false, tcString: tcString({}) })).toEqual(ACTIVITIES)
  })

  it('F-28, ads.md §5.3 (7) gdpr=1 without a string allows nothing; nor does one that cannot be read', () => {
    expect(allowed({ gdpr: true })).toEqual([])
    expect(allowed({ gdpr: true, tcString: 'garbage!' })).toEqual([])
    expect(allowed({ gdpr: true, tcString: 'x'.repeat(10_000) })).toEqual([])
    expect(allowed({ gppSid: [2] })).toEqual([])
  })

  it('F-28 a TCF string decides activity by activity', () => {
    expect(allowed({ gdpr: true, tcString: ALL })).toEqual(ACTIVITIES)
    expect(allowed({ tcString: tcString({ consents: [1, 2] }) })).toEqual(['useIds', 'selectAds', 'syncIds'])
    expect(allowed({ tcString: tcString({ consents: [2, 3, 7] }) })).toEqual(['selectAds', 'measure'])
  })

  it('F-28 legitimate interest counts for purposes 2 and 7, for profiles only before TCF 2.2, never for purpose 1', () => {
    const interests = [1, 2, 3, 4, 7]
    expect(allowed({ tcString: tcString({ interests }) })).toEqual(['selectAds', 'measure'])
    expect(allowed({ tcString: tcString({ interests, policyVersion: 2 }) })).toEqual([
      'selectAds',
      'profile',
      'measure',
    ])
  })

  it('F-28 the vendor bit counts too, and what the publisher restricts', () => {
    expect(allowed({ tcString: ALL }, { vendorId: 12 })).toEqual(ACTIVITIES)
    expect(allowed({ tcString: ALL }, { vendorId: 13 })).toEqual(['preciseGeo'])
    const restriction = { vendor: 12, purpose: 7, type: RestrictionType.NOT_ALLOWED }
    const text = tcString({ consents: [1, 2, 3, 4, 7], vendors: [12], restriction })
    expect(allowed({ tcString: text }, { vendorId: 12 })).not.toContain('measure')
    const consentOnly = { vendor: 12, purpose: 2, type: RestrictionType.REQUIRE_CONSENT }
    const interest = { interests: [2], vendorInterests: [12] }
    expect(allowed({ tcString: tcString(interest) }, { vendorId: 12 })).toEqual(['selectAds'])
    expect(
      allowed({ tcString: tcString({ ...interest, restriction: consentOnly }) }, { vendorId: 12 }),
    ).toEqual([])
  })

  it.each([
    ['1YNN', ACTIVITIES],
    ['1---', ACTIVITIES],
    ['1YYN', CONTEXT_ONLY],
    ['1yyn', CONTEXT_ONLY],
    ['2YNN', CONTEXT_ONLY],
    ['nonsense', CONTEXT_ONLY],
  ])('B-39 US Privacy %s', (usPrivacy, expected) => {
    expect(allowed({ usPrivacy })).toEqual(expected)
  })

  it('ads.md §5.3 (8) Sec-GPC with us_privacy=1YNN is an opt-out', () => {
    const request = { headers: { 'sec-gpc': '1' }, url: '/vast?us_privacy=1YNN' }
    const { allowed: decided, signals } = decideConsent(readConsentSignals(request))
    expect(ACTIVITIES.filter((activity) => decided[activity])).toEqual(CONTEXT_ONLY)
    expect(signals).toMatchObject({ gpc: true, usPrivacy: '1YNN' })
  })

  it('B-39 COPPA and limited tracking leave ads by context', () => {
    expect(allowed({ coppa: true })).toEqual(CONTEXT_ONLY)
    expect(allowed({ lmt: true, tcString: ALL })).toEqual(CONTEXT_ONLY)
  })

  it('B-39 GPP: US sections, national and of states', () => {
    const usnat = (saleOptOut: number): string =>
      gpp((model) => {
        model.setFieldValue('usnat', 'SaleOptOutNotice', 1)
        model.setFieldValue('usnat', 'SaleOptOut', saleOptOut)
        model.setFieldValue('usnat', 'MspaCoveredTransaction', 2)
      })
    expect(allowed({ gpp: usnat(2), gppSid: [7] })).toEqual(ACTIVITIES)
    expect(allowed({ gpp: usnat(1), gppSid: [7] })).toEqual(CONTEXT_ONLY)
    expect(allowed({ gpp: usnat(1) })).toEqual(CONTEXT_ONLY)
    expect(allowed({ gpp: usnat(1), gppSid: [8] })).toEqual(ACTIVITIES)
    const usca = gpp((model) => {
      model.setFieldValue('usca', 'SaleOptOutNotice', 1)
      model.setFieldValue('usca', 'SaleOptOut', 2)
      model.setFieldValue('usca', 'SharingOptOutNotice', 1)
      model.setFieldValue('usca', 'SharingOptOut', 1)
      model.setFieldValue('usca', 'MspaCoveredTransaction', 2)
    })
    expect(allowed({ gpp: usca, gppSid: [8] })).toEqual(CONTEXT_ONLY)
    expect(allowed({ gpp: 'DBAA~broken~~' })).toEqual(CONTEXT_ONLY)
  })

  it('B-39 GPP: TCF Canada, where consent may be implied, but not that to the exact place', () => {
    const canada = (express: readonly number[], implied: readonly number[], hasPlace = false): string =>
      gpp((model) => {
        const purposes = (given: readonly number[]) =>
          Array.from({ length: 24 }, (_, at) => given.includes(at + 1))
        model.setFieldValue('tcfcav1', 'PurposesExpressConsent', purposes(express))
        model.setFieldValue('tcfcav1', 'PurposesImpliedConsent', purposes(implied))
        model.setFieldValue(
          'tcfcav1',
          'SpecialFeatureExpressConsent',
          Array.from({ length: 12 }, (_, at) => at === 0 && hasPlace),
        )
      })
    expect(allowed({ gpp: canada([1, 2, 3, 4, 7], [], true), gppSid: [5] })).toEqual(ACTIVITIES)
    expect(allowed({ gpp: canada([1, 3], [2, 4, 7]) })).toEqual(
      ACTIVITIES.filter((activity) => activity !== 'preciseGeo'),
    )
    expect(allowed({ gpp: canada([2, 3], [7]) })).toEqual(CONTEXT_ONLY)
    expect(allowed({ gpp: canada([], []) })).toEqual([])
    expect(allowed({ gpp: canada([], []), gppSid: [7] })).toEqual(ACTIVITIES)
  })

  it('B-39 GPP: the EU section takes the place of the legacy string, and a difference is a warning', () => {
    const warnings: string[] = []
    const refused = tcString({})
    const text = `DBABMA~${refused}`
    const onWarning = (message: string) => void warnings.push(message)
    expect(allowed({ gdpr: true, gpp: text, gppSid: [2], tcString: ALL }, { onWarning })).toEqual([])
    expect(warnings).toEqual([expect.stringContaining('differ')])
    expect(allowed({ gdpr: true, gpp: `DBABMA~${ALL}`, gppSid: [2] })).toEqual(ACTIVITIES)
  })

  it('B-39 every place counts: query, OpenRTB body and fields are decided together', () => {
    const body = { regs: { coppa: 1, ext: { us_privacy: '1YNN' } }, user: { ext: { consent: ALL } } }
    const sources = readConsentSignals({ url: `/x?gdpr=1&gdpr_consent=${tcString({ consents: [2] })}` }, body)
    expect(sources).toHaveLength(2)
    const { allowed: decided, signals } = decideConsent(sources)
    expect(ACTIVITIES.filter((activity) => decided[activity])).toEqual(['selectAds'])
    expect(signals).toMatchObject({ gdpr: true, coppa: true, usPrivacy: '1YNN' })
  })

  it('reads OpenRTB 2.6 and 2.5 places, and nothing of malformed ones', () => {
    const new26 = {
      regs: { gdpr: 1, gpp: 'G', gpp_sid: [7, 'x', -1] },
      user: { consent: 'C' },
      device: { lmt: 1 },
    }
    expect(readConsentSignals({}, new26)[0]).toMatchObject({
      gdpr: true,
      gpp: 'G',
      gppSid: [7],
      tcString: 'C',
      lmt: true,
    })
    expect(readConsentSignals({}, { regs: 7, user: null, device: 'x' })[0]).toEqual(NO_SIGNALS)
    expect(readConsentSignals({}, 'text')).toEqual([])
  })
})

describe('scrubContext', () => {
  const extras = {
    userId: 'u',
    deviceId: 'd',
    ipAddress: '203.0.113.7',
    cookies: { user_id: 'u', gdpr_consent: '0' },
  }

  it('F-28 takes out ids, identifying cookies and the precise address, as far as they are not allowed', () => {
    const consent = decideConsent({ ...NO_SIGNALS, gdpr: true })
    const context = scrubContext(SessionContext.create({ ...extras, consent }))
    expect(context.userId ?? context.deviceId).toBeUndefined()
    expect({ ...context.cookies }).toEqual({ gdpr_consent: '0' })
    expect(context.ipAddress).toBe('203.0.113.0')
  })

  it('leaves a context alone that nothing is refused', () => {
    const context = SessionContext.create({ ...extras, consent: decideConsent(NO_SIGNALS) })
    expect(scrubContext(context)).toBe(context)
  })

  it.each([
    ['203.0.113.7', '203.0.113.0'],
    ['2001:db8:aaaa:bbbb::1', '2001:db8:aaaa::'],
    ['2001:db8::1', '2001:db8:0::'],
    ['::1', '0:0:0::'],
    ['::ffff:203.0.113.7', '203.0.113.0'],
    ['nonsense', ''],
  ])('truncates %s', (address, expected) => {
    expect(truncateIp(address)).toBe(expected)
  })
})
