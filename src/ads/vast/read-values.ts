import type { Link, Resources, TrackingEvent } from './model.js'
import type { XmlElement } from './xml-node.js'

/** Text of an element, or null when it is missing or empty. */
export function textOf(element: XmlElement | null): string | null {
  const text = element?.text ?? ''
  return text === '' ? null : text
}

/** Texts of all children of that key that have one. */
export function texts(parent: XmlElement | null, key: string): string[] {
  return (parent?.all(key) ?? []).map((element) => element.text).filter((text) => text !== '')
}

export function links(parent: XmlElement | null, key: string): Link[] {
  return (parent?.all(key) ?? [])
    .map((element) => ({ id: element.attribute('id'), url: element.text }))
    .filter((link) => link.url !== '')
}

/** A number that is not negative, or null. */
export function numberOf(text: string | null): number | null {
  if (text === null || text === '') return null
  const value = Number(text)
  return Number.isFinite(value) && value >= 0 ? value : null
}

/** `true`, `1` and `false`, `0`, in any case; anything else is `otherwise`. */
export function booleanOf<T>(text: string | null, otherwise: T): boolean | T {
  const value = text?.toLowerCase()
  if (value === 'true' || value === '1') return true
  return value === 'false' || value === '0' ? false : otherwise
}

/** `HH:MM:SS`, `HH:MM:SS.mmm`, or bare seconds, which the schema does not have and documents do. */
export function durationMs(text: string | null): number | null {
  if (text === null) return null
  const parts = /^(?:(\d{1,3}):(\d{1,2}):)?(\d{1,6}(?:\.\d{1,6})?)$/.exec(text)
  if (parts === null) return null
  const seconds = Number(parts[1] ?? 0) * 3600 + Number(parts[2] ?? 0) * 60 + Number(parts[3])
  return Math.round(seconds * 1000)
}

export function trackingEvents(parent: XmlElement | null): TrackingEvent[] {
  return (parent?.path('trackingevents', 'tracking') ?? [])
    .map((element) => ({
      event: element.attribute('event') ?? '',
      offset: element.attribute('offset'),
      url: element.text,
    }))
    .filter(({ event, url }) => event !== '' && url !== '')
}

export function resources(parent: XmlElement): Resources {
  return {
    staticResources: parent
      .all('staticresource')
      .map((element) => ({ type: element.attribute('creativeType'), url: element.text }))
      .filter(({ url }) => url !== ''),
    iframeUrls: texts(parent, 'iframeresource'),
    html: texts(parent, 'htmlresource'),
  }
}
