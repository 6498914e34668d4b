import { createHmac } from 'node:crypto'
import type { EventsConfig } from '../../config/types-adserving.js'
import { VAST_MACROS, WITHHELD } from '../macros/index.js'
import { compileTemplate } from '../macros/macro-template.js'
import type { MacroScalar, MacroValues } from '../macros/macro-value.js'
import { EventTokens } from '../session/index.js'
import { readMacroValue } from './query-macros.js'
import { keyOf } from './session-from-config.js'

/** Tracking URLs that wait for their event, with what their macros need. */
export interface SealedBeacons {
  readonly urls: readonly string[]
  readonly values: MacroValues
  readonly withheld: ReadonlySet<string>
  /** Whether the address of the device may only be told truncated. */
  readonly isScrubbed: boolean
}

interface Packed {
  readonly u: readonly string[]
  readonly v: Readonly<Record<string, MacroScalar | readonly MacroScalar[]>>
  readonly w: readonly string[]
  readonly s: 0 | 1
}

/** What a token may hold, and so what a player has to carry: longer lists are cut, URLs that do not fit stay with the player. */
const LONGEST_TOKEN = 4000

/** Puts tracking URLs into signed URLs of the gateway and takes them out again, in whatever worker or process they come back to. */
export class BeaconSeals {
  readonly #tokens: EventTokens
  readonly #ttlMs: number

  constructor({ secrets, validSeconds }: Pick<EventsConfig, 'secrets' | 'validSeconds'>) {
    // Keys of their own: a token of an event is never one of these.
    const own = secrets.map((secret) => createHmac('sha256', secret).update('beacons').digest('hex'))
    this.#tokens = new EventTokens({ keys: own.map(keyOf) })
    this.#ttlMs = validSeconds * 1000
  }

  /** @returns tokens that hold the URLs between them, and the URLs that no token can hold */
  seal(beacons: SealedBeacons): { readonly tokens: readonly string[]; readonly tooLong: readonly string[] } {
    const tokens: string[] = []
    const tooLong: string[] = []
    let group: string[] = []
    let last: string | null = null
    for (const url of beacons.urls) {
      const token = this.#one({ ...beacons, urls: [...group, url] })
      if (token.length <= LONGEST_TOKEN) {
        group.push(url)
        last = token
        continue
      }
      const alone = this.#one({ ...beacons, urls: [url] })
      if (alone.length > LONGEST_TOKEN) {
        tooLong.push(url)
        continue
      }
      if (last !== null) tokens.push(last)
      group = [url]
      last = alone
    }
    if (last !== null) tokens.push(last)
    return { tokens, tooLong }
  }

  /** Null: it is none of ours, was changed or has expired. */
  open(token: string): SealedBeacons | null {
    const opened = this.#tokens.open(token)
    if (!opened.ok) return null
    const { u, v, w, s } = JSON.parse(opened.text) as Packed
    return { urls: u, values: v, withheld: new Set(w), isScrubbed: s === 1 }
  }

  #one({ urls, values, withheld, isScrubbed }: SealedBeacons): string {
    const names = macrosIn(urls)
    const v: Record<string, MacroScalar | readonly MacroScalar[]> = {}
    const w = names.filter((name) => withheld.has(name) || values[name] === WITHHELD)
    for (const name of names) {
      const value = values[name]
      if (value === undefined || value === null || value === WITHHELD || typeof value === 'function') continue
      v[name] = value as MacroScalar | readonly MacroScalar[]
    }
    const packed: Packed = { u: urls, v, w, s: isScrubbed ? 1 : 0 }
    return this.#tokens.seal(JSON.stringify(packed), this.#ttlMs)
  }
}

/** Macros of these URLs, each once. */
function macrosIn(urls: readonly string[]): string[] {
  return [...new Set(urls.flatMap((url) => compileTemplate(url).slots.map(({ name }) => name)))]
}

/** `&ADPLAYHEAD=[ADPLAYHEAD]` for each macro of the URLs that only the player knows, when it reports. */
export function playerMacros(urls: readonly string[]): string {
  const names = macrosIn(urls).filter((name) => VAST_MACROS.get(name)?.source === 'player')
  return names.map((name) => `&${name}=[${name}]`).join('')
}

/** Their values, as a player gave them; what it left as it was is not known. */
export function valuesOfPlayer(query: URLSearchParams): MacroValues {
  const values: Record<string, ReturnType<typeof readMacroValue>> = {}
  for (const [name, text] of query) {
    if (VAST_MACROS.get(name)?.source !== 'player' || text === `[${name}]`) continue
    const value = readMacroValue(name, text)
    if (value !== undefined) values[name] = value
  }
  return values
}
