import { serializeXml } from './serialize-xml.js'
import { cdataElement, XmlElement } from './xml-node.js'

export interface NoFillOptions {
  /** Default `4.2`. */
  readonly version?: string
  /** `<Error>` URLs that the player calls with 303. */
  readonly errors?: readonly string[]
}

/** The document that says that there is no ad: `<VAST version="4.2"/>` with `<Error>` if there are any (VAST 4.3 §2.3.5.1). */
export function noFillVast(options: NoFillOptions = {}): string {
  const errors = (options.errors ?? []).map((url) => cdataElement('Error', url))
  return serializeXml(new XmlElement('VAST', [['version', options.version ?? '4.2']], errors))
}

export interface WrapperOptions {
  /** Where the ad is. */
  readonly tagUri: string
  /** Default `headgate`. */
  readonly adSystem?: string
  /** Default `3.0`. */
  readonly version?: string
}

/** A document with one wrapper around a URL, to inject trackers into: for a bid that has a URL and no markup. */
export function wrapperVast(options: WrapperOptions): string {
  const wrapper = new XmlElement(
    'Wrapper',
    [],
    [
      new XmlElement('AdSystem', [], [{ kind: 'text', value: options.adSystem ?? 'headgate' }]),
      cdataElement('VASTAdTagURI', options.tagUri),
      new XmlElement('Creatives'),
    ],
  )
  const ad = new XmlElement('Ad', [], [wrapper])
  return serializeXml(new XmlElement('VAST', [['version', options.version ?? '3.0']], [ad]))
}
