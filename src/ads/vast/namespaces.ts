import type { XmlElement } from './xml-node.js'

/**
 * Declares on an element the prefixes that are used in it and declared around it, so that it can stand in another document.
 * @param around from the outermost to the closest
 */
export function keepNamespaces(element: XmlElement, around: readonly XmlElement[]): void {
  const used = new Set<string>()
  collect(element, used)
  for (const prefix of used) {
    const name = `xmlns:${prefix}`
    if (element.attributes.has(name)) continue
    const declared = around.findLast((ancestor) => ancestor.attributes.has(name))?.attributes.get(name)
    if (declared !== undefined) element.attributes.set(name, declared)
  }
}

function collect(element: XmlElement, used: Set<string>): void {
  addPrefix(element.name, used)
  for (const name of element.attributes.keys()) addPrefix(name, used)
  for (const child of element.children) if (child.kind === 'element') collect(child, used)
}

function addPrefix(name: string, used: Set<string>): void {
  const colon = name.indexOf(':')
  if (colon <= 0) return
  const prefix = name.slice(0, colon)
  if (prefix !== 'xmlns' && prefix !== 'xml') used.add(prefix)
}
