import type { XmlElement, XmlNode } from './xml-node.js'

/** The document with its declaration, in UTF-8. */
export function serializeXml(root: XmlElement): string {
  const parts = ['<?xml version="1.0" encoding="UTF-8"?>\n']
  write(root, parts)
  return parts.join('')
}

function write(node: XmlNode, parts: string[]): void {
  switch (node.kind) {
    case 'element': {
      parts.push('<', node.name)
      for (const [name, value] of node.attributes) parts.push(' ', name, '="', escapeAttribute(value), '"')
      if (node.children.length === 0) {
        parts.push('/>')
        return
      }
      parts.push('>')
      for (const child of node.children) write(child, parts)
      parts.push('</', node.name, '>')
      return
    }
    case 'text':
      parts.push(allowed(node.value).replace(/[&<>\r]/g, (char) => ESCAPES[char] ?? char))
      return
    case 'cdata':
      // What would end the section is cut in two, so that nothing can break out of it (VAST 4.3 §2.3.3).
      parts.push('<![CDATA[', allowed(node.value).replaceAll(']]>', ']]]]><![CDATA[>'), ']]>')
      return
    case 'comment':
      parts.push('<!--', node.value, '-->')
      return
    case 'instruction':
      parts.push('<?', node.value, '?>')
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
}

function escapeAttribute(value: string): string {
  return allowed(value).replace(/[&<>"\t\n\r]/g, (char) => ESCAPES[char] ?? char)
}

/** Without the characters that XML 1.0 cannot hold. */
function allowed(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must go
  return value.replace(/[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]|\p{Surrogate}/gu, '')
}
