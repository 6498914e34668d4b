import type { XmlElement } from './xml-node.js'

/** A URL with the id that a document may give it. */
export interface Link {
  readonly id: string | null
  readonly url: string
}

export interface TrackingEvent {
  /** `start`, `firstQuartile`, `progress`, … */
  readonly event: string
  /** Of `progress`: `00:00:30` or `60%`, as written. */
  readonly offset: string | null
  readonly url: string
}

/** What is shown, in one of three forms. */
export interface Resources {
  readonly staticResources: readonly { readonly type: string | null; readonly url: string }[]
  readonly iframeUrls: readonly string[]
  readonly html: readonly string[]
}

export interface MediaFile {
  readonly id: string | null
  readonly url: string
  /** `progressive` or `streaming`. */
  readonly delivery: string | null
  /** MIME type. */
  readonly type: string | null
  readonly width: number | null
  readonly height: number | null
  readonly bitrateKbps: number | null
  readonly minBitrateKbps: number | null
  readonly maxBitrateKbps: number | null
  readonly fileSizeBytes: number | null
  readonly codec: string | null
  readonly apiFramework: string | null
}

export interface Icon extends Resources {
  readonly program: string | null
  readonly width: number | null
  readonly height: number | null
  readonly clickThrough: string | null
  readonly clickTracking: readonly Link[]
  readonly viewTracking: readonly string[]
}

export interface Linear {
  /** `null` when it is missing or no duration. */
  readonly durationMs: number | null
  /** `00:00:05` or `25%`, as written. */
  readonly skipOffset: string | null
  readonly trackingEvents: readonly TrackingEvent[]
  readonly clickThrough: string | null
  readonly clickTracking: readonly Link[]
  readonly customClicks: readonly Link[]
  readonly mediaFiles: readonly MediaFile[]
  readonly mezzanines: readonly MediaFile[]
  readonly interactiveFiles: readonly MediaFile[]
  readonly icons: readonly Icon[]
  readonly adParameters: string | null
}

export interface NonLinear extends Resources {
  readonly id: string | null
  readonly width: number | null
  readonly height: number | null
  readonly minSuggestedDurationMs: number | null
  readonly apiFramework: string | null
  readonly clickThrough: string | null
  readonly clickTracking: readonly Link[]
  readonly adParameters: string | null
}

export interface NonLinearAds {
  readonly trackingEvents: readonly TrackingEvent[]
  readonly items: readonly NonLinear[]
}

export interface Companion extends Resources {
  readonly id: string | null
  readonly width: number | null
  readonly height: number | null
  readonly adSlotId: string | null
  readonly clickThrough: string | null
  readonly clickTracking: readonly Link[]
  readonly trackingEvents: readonly TrackingEvent[]
  readonly altText: string | null
  readonly adParameters: string | null
}

export interface CompanionAds {
  readonly required: string | null
  readonly items: readonly Companion[]
}

/** One `<Creative>`. The schema wants one of the three kinds in each; a real one may have several. */
export interface Creative {
  readonly id: string | null
  readonly adId: string | null
  readonly sequence: number | null
  readonly apiFramework: string | null
  readonly universalAdIds: readonly { readonly registry: string | null; readonly value: string }[]
  readonly linear: Linear | null
  readonly nonLinear: NonLinearAds | null
  readonly companions: CompanionAds | null
}

export interface Category {
  readonly authority: string | null
  readonly value: string
}

export interface Verification {
  readonly vendor: string | null
  readonly scripts: readonly { readonly apiFramework: string | null; readonly url: string }[]
  readonly parameters: string | null
  readonly trackingEvents: readonly TrackingEvent[]
}

interface AdBase {
  /** `id` of `<Ad>`, else `AdServingId`, else the first creative's `adId` or `id`, else empty. */
  readonly id: string
  /** Place in a pod; `null` for a stand-alone ad. */
  readonly sequence: number | null
  /** `video` (default), `audio`, `hybrid`. */
  readonly adType: string
  readonly adSystem: { readonly name: string; readonly version: string | null } | null
  readonly impressions: readonly Link[]
  readonly errors: readonly string[]
  readonly viewable: {
    readonly viewable: readonly string[]
    readonly notViewable: readonly string[]
    readonly undetermined: readonly string[]
  }
  readonly pricing: {
    readonly value: string
    readonly model: string | null
    readonly currency: string | null
  } | null
  readonly creatives: readonly Creative[]
  readonly verifications: readonly Verification[]
  /** Whatever is in them is in `element`. */
  readonly extensions: readonly { readonly type: string | null; readonly element: XmlElement }[]
  /** The `<Ad>` that this was read from. */
  readonly element: XmlElement
}

/** An ad that can be played. */
export interface VastInLine extends AdBase {
  readonly kind: 'inline'
  readonly title: string | null
  readonly adServingId: string | null
  readonly advertiser: string | null
  readonly description: string | null
  readonly survey: string | null
  /** Seconds for which the ad may be kept, if it may. */
  readonly expiresS: number | null
  readonly categories: readonly Category[]
}

/** A pointer to another document. Attributes with the defaults of VAST 4.3 §3.19. */
export interface VastWrapper extends AdBase {
  readonly kind: 'wrapper'
  /** As written: macros not replaced, perhaps relative. */
  readonly tagUri: string | null
  /** Default true. */
  readonly followAdditionalWrappers: boolean
  /** Default false. */
  readonly allowMultipleAds: boolean
  readonly fallbackOnNoAd: boolean | null
  readonly blockedCategories: readonly Category[]
}

export type VastAd = VastInLine | VastWrapper

/** A document as it was read. */
export interface VastDocument {
  /** As written; `null` when it is missing. */
  readonly version: string | null
  readonly ads: readonly VastAd[]
  /** `<Error>` of the document itself: for the case that it has no ad (303). */
  readonly errors: readonly string[]
  readonly root: XmlElement
}
