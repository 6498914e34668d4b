/** What stands in an element beside other elements. */
export interface XmlContent {
  readonly kind: 'text' | 'cdata' | 'comment' | 'instruction'
  readonly value: string
}

export type XmlNode = XmlElement | XmlContent

/** An element of a document, whatever it is: nothing that was read is lost. */
export class XmlElement {
  readonly kind = 'element'
  /** As written, with its prefix. */
  readonly name: string
  /** Without prefix, in lower case: `inline` for `InLine` and for `vast:Inline`, since real documents write both. */
  readonly key: string
  readonly attributes: Map<string, string>
  readonly children: XmlNode[]

  constructor(name: string, attributes: Iterable<readonly [string, string]> = [], children: XmlNode[] = []) {
    this.name = name
    this.key = name.slice(name.indexOf(':') + 1).toLowerCase()
    this.attributes = new Map(attributes)
    this.children = children
  }

  /** An attribute's value, trimmed. Its name is compared without case: `AdID`, `adID` and `adId` are all in use. */
  attribute(name: string): string | null {
    const exact = this.attributes.get(name)
    if (exact !== undefined) return exact.trim()
    const wanted = name.toLowerCase()
    for (const [key, value] of this.attributes) if (key.toLowerCase() === wanted) return value.trim()
    return null
  }

  /** The first child of that key. */
  child(key: string): XmlElement | null {
    for (const node of this.children) if (node.kind === 'element' && node.key === key) return node
    return null
  }

  /** All children of that key. */
  all(key: string): XmlElement[] {
    return this.children.filter((node): node is XmlElement => node.kind === 'element' && node.key === key)
  }

  /** All elements at the end of a path of keys. */
  path(...keys: readonly string[]): XmlElement[] {
    let found: XmlElement[] = [this]
    for (const key of keys) found = found.flatMap((element) => element.all(key))
    return found
  }

  /** Its own text and CDATA together, without white space around. */
  get text(): string {
    let text = ''
    for (const node of this.children) if (node.kind === 'text' || node.kind === 'cdata') text += node.value
    return text.trim()
  }

  /** A copy that shares nothing that can change. */
  clone(): XmlElement {
    const children = this.children.map((node) => (node.kind === 'element' ? node.clone() : node))
    return new XmlElement(this.name, this.attributes, children)
  }
}

/** An element with a URL or another text in CDATA, as VAST documents have them. */
export function cdataElement(
  name: string,
  value: string,
  attributes: Iterable<readonly [string, string]> = [],
): XmlElement {
  return new XmlElement(name, attributes, [{ kind: 'cdata', value }])
}
