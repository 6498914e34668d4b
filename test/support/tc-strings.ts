import {
  GVL,
  PurposeRestriction,
  type RestrictionType,
  TCModel,
  TCString,
  type VendorList,
} from '@iabtcf/core'

interface TcFields {
  readonly consents?: readonly number[]
  readonly interests?: readonly number[]
  readonly vendors?: readonly number[]
  readonly vendorInterests?: readonly number[]
  readonly features?: readonly number[]
  readonly policyVersion?: number
  readonly restriction?: { readonly vendor: number; readonly purpose: number; readonly type: RestrictionType }
}

const PURPOSES = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]
const named = (ids: readonly number[]) =>
  Object.fromEntries(ids.map((id) => [id, { id, name: `${id}`, description: '', illustrations: [] }]))

/** The least of a Global Vendor List without which the library encodes nothing: vendors 12 and 13, with all purposes. */
function vendorList(tcfPolicyVersion: number): VendorList {
  const vendor = (id: number) => ({
    id,
    name: `${id}`,
    purposes: PURPOSES,
    legIntPurposes: [2, 7],
    flexiblePurposes: PURPOSES,
    specialPurposes: [],
    features: [],
    specialFeatures: [1],
    policyUrl: '',
    overflow: { httpGetLimit: 32 },
    cookieMaxAgeSeconds: null,
    usesCookies: false,
    usesNonCookieAccess: false,
  })
  return {
    gvlSpecificationVersion: 3,
    vendorListVersion: 126,
    tcfPolicyVersion,
    lastUpdated: '2024-01-01T00:00:00Z',
    purposes: named(PURPOSES),
    specialPurposes: {},
    features: {},
    specialFeatures: named([1, 2]),
    vendors: { 12: vendor(12), 13: vendor(13) },
    stacks: {},
    dataCategories: {},
  } as unknown as VendorList
}

/** A TCF v2 string, encoded by the IAB's own library. */
export function tcString(fields: TcFields): string {
  const model = new TCModel(new GVL(vendorList(fields.policyVersion ?? 4)))
  model.cmpId = 31
  model.cmpVersion = 1
  model.consentLanguage = 'EN'
  model.vendorListVersion = 126
  model.policyVersion = fields.policyVersion ?? 4
  model.isServiceSpecific = true
  model.purposeConsents.set([...(fields.consents ?? [])])
  model.purposeLegitimateInterests.set([...(fields.interests ?? [])])
  model.vendorConsents.set([...(fields.vendors ?? [])])
  model.vendorLegitimateInterests.set([...(fields.vendorInterests ?? [])])
  model.specialFeatureOptins.set([...(fields.features ?? [])])
  if (fields.restriction !== undefined) {
    const { vendor, purpose, type } = fields.restriction
    const restriction = new PurposeRestriction(purpose, type)
    model.publisherRestrictions.add(vendor, restriction)
  }
  return TCString.encode(model)
}

/** All but Purpose 1. */
export const PURPOSE_ONE_REFUSED = tcString({ consents: [2, 3, 4, 7] })
