import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

/** One secret. The first of several signs; all of them are accepted, so that keys can be changed without losing events. */
export interface TokenKey {
  /** In the token, so that its key is found. 1 to 16 of A–Z a–z 0–9 _ -. */
  readonly id: string
  /** At least 32 bytes of randomness, as text or bytes. */
  readonly secret: string | Uint8Array
}

export interface EventTokensOptions {
  readonly keys: readonly TokenKey[]
  /** Milliseconds since the epoch. Default `Date.now`: it must agree between gateways. */
  readonly clock?: () => number
}

/** What was wrong with a token: `malformed` it is none of ours or was changed; `expired`; `unknown-key` its key is not known (any more). */
export type TokenFailure = 'malformed' | 'expired' | 'unknown-key'

export type OpenedToken =
  | { readonly ok: true; readonly text: string; readonly expiresAtMs: number }
  | { readonly ok: false; readonly failure: TokenFailure }

interface DerivedKey {
  readonly encrypt: Buffer
  readonly sign: Buffer
}

const KEY_ID = /^[A-Za-z0-9_-]{1,16}$/
const MIN_SECRET_BYTES = 32
const IV_BYTES = 16
const MAC_BYTES = 16
const EXPIRY_BYTES = 6
/** A token ends up in an URL; nobody needs to look at longer ones. */
const MAX_TOKEN_LENGTH = 4096

/**
 * Tokens of events: `keyId.body.signature`, all URL-safe. The body is encrypted (AES-256-CTR), since it names user and price and goes to
 * the client; the signature is HMAC-SHA256 over everything before it, cut to 128 bits (RFC 2104 §5), and is checked first.
 */
export class EventTokens {
  readonly #keys = new Map<string, DerivedKey>()
  readonly #first: string
  readonly #clock: () => number

  /** @throws TypeError without keys, or for a key that is too short or has no proper id */
  constructor(options: EventTokensOptions) {
    for (const { id, secret } of options.keys) {
      const bytes = typeof secret === 'string' ? Buffer.from(secret, 'utf8') : secret
      if (!KEY_ID.test(id)) throw new TypeError(`'${id}' is no id of a key: 1 to 16 of A–Z a–z 0–9 _ -`)
      if (bytes.length < MIN_SECRET_BYTES) {
        throw new TypeError(
          `the secret of key '${id}' has ${bytes.length} bytes: at least ${MIN_SECRET_BYTES} are needed`,
        )
      }
      if (this.#keys.has(id)) throw new TypeError(`two keys are called '${id}'`)
      this.#keys.set(id, { encrypt: derive(bytes, 'encrypt'), sign: derive(bytes, 'sign') })
    }
    const first = options.keys[0]
    if (first === undefined) throw new TypeError('event tokens need a key')
    this.#first = first.id
    this.#clock = options.clock ?? Date.now
  }

  /** Seals a text for `ttlMs` milliseconds. */
  seal(text: string, ttlMs: number): string {
    const key = this.#keys.get(this.#first)
    if (key === undefined) throw new TypeError('event tokens need a key')
    const iv = randomBytes(IV_BYTES)
    const expiry = Buffer.alloc(EXPIRY_BYTES)
    expiry.writeUIntBE(Math.trunc(this.#clock() + ttlMs), 0, EXPIRY_BYTES)
    const cipher = createCipheriv('aes-256-ctr', key.encrypt, iv)
    const body = Buffer.concat([expiry, iv, cipher.update(text, 'utf8'), cipher.final()]).toString(
      'base64url',
    )
    const signed = `${this.#first}.${body}`
    return `${signed}.${signature(key, signed).toString('base64url')}`
  }

  /** Never throws. */
  open(token: string): OpenedToken {
    if (typeof token !== 'string' || token.length > MAX_TOKEN_LENGTH)
      return { ok: false, failure: 'malformed' }
    const parts = token.split('.')
    const [keyId, body, mac] = parts
    if (keyId === undefined || body === undefined || mac === undefined || parts.length !== 3) {
      return { ok: false, failure: 'malformed' }
    }
    const key = this.#keys.get(keyId)
    if (key === undefined) return { ok: false, failure: KEY_ID.test(keyId) ? 'unknown-key' : 'malformed' }
    const given = Buffer.from(mac, 'base64url')
    if (given.length !== MAC_BYTES || !timingSafeEqual(given, signature(key, `${keyId}.${body}`))) {
      return { ok: false, failure: 'malformed' }
    }
    const bytes = Buffer.from(body, 'base64url')
    if (bytes.length < EXPIRY_BYTES + IV_BYTES) return { ok: false, failure: 'malformed' }
    const expiresAtMs = bytes.readUIntBE(0, EXPIRY_BYTES)
    if (this.#clock() >= expiresAtMs) return { ok: false, failure: 'expired' }
    const iv = bytes.subarray(EXPIRY_BYTES, EXPIRY_BYTES + IV_BYTES)
    const decipher = createDecipheriv('aes-256-ctr', key.encrypt, iv)
    const text = Buffer.concat([decipher.update(bytes.subarray(EXPIRY_BYTES + IV_BYTES)), decipher.final()])
    return { ok: true, text: text.toString('utf8'), expiresAtMs }
  }
}

function derive(secret: Uint8Array, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', secret, '', `headgate event token ${purpose}`, 32))
}

function signature(key: DerivedKey, text: string): Buffer {
  return createHmac('sha256', key.sign).update(text).digest().subarray(0, MAC_BYTES)
}
