import { createHash, createHmac } from 'node:crypto'
import type { CompiledRule, Subject } from './frequency-rule.js'

/** Names of what the store keeps (D5). Replaceable; what is decided together must share its hash tag in a cluster. */
export interface SessionKeys {
  /** Of a cap: `freq:{user}:{campaign}` for the default rule. */
  frequency(rule: CompiledRule, subject: Subject): string
  /** Of a campaign's spend, `budget:{campaign}`; with a bucket that of a day or an hour. */
  budget(campaignId: string, bucket?: string): string
  /** Of a campaign's limit, `budget:limit:{campaign}`. */
  budgetLimit(campaignId: string): string
}

export interface SeedKeysOptions {
  /** Before every key. Default empty. */
  readonly prefix?: string
  /** Users appear as HMAC-SHA256 under this secret instead of as they are (F-13). Default: as they are. */
  readonly hashUsersWith?: string
  /** Puts the user, or the campaign, between `{` and `}`, for Redis Cluster. Default false. */
  readonly hashTags?: boolean
}

/** Longer parts of a key are replaced by their hash. */
const MAX_PART_LENGTH = 160

/** The seed's layout (D5), its parts escaped so that no two subjects share a key (F-13). */
export function seedKeys(options: SeedKeysOptions = {}): SessionKeys {
  const { prefix = '', hashUsersWith, hashTags = false } = options
  const tag = hashTags ? (part: string): string => `{${part}}` : (part: string): string => part
  const user = (id: string): string =>
    hashUsersWith === undefined
      ? keyPart(id)
      : createHmac('sha256', hashUsersWith).update(id).digest('base64url').slice(0, 22)
  return {
    frequency({ name, per }, subject) {
      const userPart = per.includes('user') ? user(subject.user ?? '') : '~'
      const others: string[] = []
      for (const dimension of per) {
        if (dimension === 'user') continue
        const part = keyPart(subject[dimension] ?? '')
        others.push(dimension === 'campaign' && others.length === 0 ? part : `${dimension}=${part}`)
      }
      const named = name === '' ? '' : `:${name}`
      if (userPart === '~') return `${prefix}freq:~:${tag(others.join(':'))}${named}`
      return `${prefix}freq:${tag(userPart)}:${others.join(':')}${named}`
    },
    budget: (campaignId, bucket) =>
      `${prefix}budget:${tag(keyPart(campaignId))}${bucket === undefined ? '' : `:${bucket}`}`,
    budgetLimit: (campaignId) => `${prefix}budget:limit:${tag(keyPart(campaignId))}`,
  }
}

/** One part of a key: letters, digits and `-_.!*'()` as they are, everything else escaped, so that `:`, `=`, `{` and `}` stay ours. */
export function keyPart(text: string): string {
  if (text === '') return '%'
  let escaped: string
  try {
    escaped = encodeURIComponent(text)
  } catch {
    // Half of a surrogate pair: no text that anybody gave on purpose.
    return hashed(text)
  }
  if (escaped.length > MAX_PART_LENGTH) return hashed(text)
  return escaped.startsWith('~') ? `%7E${escaped.slice(1)}` : escaped
}

function hashed(text: string): string {
  return `~${createHash('sha256').update(text, 'utf16le').digest('base64url')}`
}
