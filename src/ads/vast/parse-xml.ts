import { SaxesParser } from 'saxes'
import { VastParseError } from './vast-parse-error.js'
import { XmlElement, type XmlNode } from './xml-node.js'

export interface XmlLimits {
  /** Of the document as it came. Default 1 MiB. */
  readonly maxBytes?: number
  /** Elements inside each other. Default 64. */
  readonly maxDepth?: number
  /** Elements, texts and comments. Default 50,000. */
  readonly maxNodes?: number
}

export const XML_DEFAULTS = { maxBytes: 1024 * 1024, maxDepth: 64, maxNodes: 50_000 } as const

/** `&` that starts no reference, outside of CDATA and comments: the commonest fault of real documents. */
const BARE_AMPERSAND =
  /<!\[CDATA\[[\s\S]*?\]\]>|<!--[\s\S]*?-->|&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[\da-fA-F]+);)/g

/**
 * Reads a document into a tree. There is no DTD: one that has a DOCTYPE is refused, so that no entity can expand or fetch anything (F-38).
 * A document with bare ampersands is read as it was meant; otherwise it must be well-formed.
 * @throws VastParseError with VAST code 100
 */
export function parseXml(source: Uint8Array | string, limits: XmlLimits = {}): XmlElement {
  const maxBytes = limits.maxBytes ?? XML_DEFAULTS.maxBytes
  const size = typeof source === 'string' ? Buffer.byteLength(source) : source.byteLength
  if (size > maxBytes) throw new VastParseError(100, `document of ${size} bytes, limit ${maxBytes}`)
  const text = (typeof source === 'string' ? source : decode(source)).replace(/^[\ufeff\s\0]+|[\s\0]+$/g, '')
  try {
    return parse(text, limits)
  } catch (error) {
    if (error instanceof VastParseError) throw error
    const repaired = text.replace(BARE_AMPERSAND, (match) => (match === '&' ? '&amp;' : match))
    if (repaired === text) throw new VastParseError(100, 'not well-formed', error)
    try {
      return parse(repaired, limits)
    } catch (second) {
      if (second instanceof VastParseError) throw second
      throw new VastParseError(100, 'not well-formed', error)
    }
  }
}

function parse(text: string, limits: XmlLimits): XmlElement {
  const maxDepth = limits.maxDepth ?? XML_DEFAULTS.maxDepth
  const maxNodes = limits.maxNodes ?? XML_DEFAULTS.maxNodes
  const parser = new SaxesParser({ xmlns: false, position: false })
  const open: XmlElement[] = []
  let root: XmlElement | undefined
  let nodes = 0
  const add = (node: XmlNode): void => {
    nodes += 1
    if (nodes > maxNodes) throw new VastParseError(100, `more than ${maxNodes} nodes`)
    open.at(-1)?.children.push(node)
  }
  parser.on('doctype', () => {
    throw new VastParseError(100, 'a document type declaration is not allowed')
  })
  parser.on('opentag', (tag) => {
    const element = new XmlElement(tag.name, Object.entries(tag.attributes))
    add(element)
    root ??= element
    open.push(element)
    if (open.length > maxDepth) throw new VastParseError(100, `elements nested deeper than ${maxDepth}`)
  })
  parser.on('closetag', () => {
    open.pop()
  })
  parser.on('text', (value) => add({ kind: 'text', value }))
  parser.on('cdata', (value) => add({ kind: 'cdata', value }))
  parser.on('comment', (value) => add({ kind: 'comment', value }))
  parser.on('processinginstruction', ({ target, body }) => {
    add({ kind: 'instruction', value: body === '' ? target : `${target} ${body}` })
  })
  parser.write(text).close()
  if (root === undefined) throw new VastParseError(100, 'no root element')
  return root
}

/** Byte order mark, then the XML declaration, then UTF-8. */
function decode(bytes: Uint8Array): string {
  const [first, second] = bytes
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(bytes)
  if (first === 0xfe && second === 0xff) return new TextDecoder('utf-16be').decode(bytes)
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 200)).toString('latin1')
  const label =
    /^[^<]{0,8}<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']/.exec(head)?.[1] ?? 'utf-8'
  try {
    return new TextDecoder(label.toLowerCase().startsWith('utf-16') ? 'utf-8' : label).decode(bytes)
  } catch {
    throw new VastParseError(100, `unknown encoding '${label}'`)
  }
}
