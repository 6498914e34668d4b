import { createHmac, timingSafeEqual } from 'node:crypto'

const USER_ID = /^[A-Za-z0-9_.@:-]{1,128}$/
const MAC_BYTES = 16
const MIN_SECRET_BYTES = 32

/**
 * First-party user ids with a signature, `id~signature`, so that a client can neither reset its caps nor use up another user's (F-30).
 * Set the cookie with `Secure; HttpOnly; SameSite`.
 */
export class SignedUserId {
  readonly #secrets: readonly string[]

  /** @param secrets the first signs, all are accepted; each of at least 32 bytes. @throws TypeError */
  constructor(secrets: readonly string[]) {
    if (secrets.length === 0 || secrets.some((secret) => Buffer.byteLength(secret) < MIN_SECRET_BYTES)) {
      throw new TypeError(`signed user ids need secrets of at least ${MIN_SECRET_BYTES} bytes`)
    }
    this.#secrets = [...secrets]
  }

  /** The value of the cookie. @throws TypeError unless the id has 1 to 128 of A–Z a–z 0–9 _ . @ : - */
  sign(userId: string): string {
    if (!USER_ID.test(userId)) throw new TypeError('a user id has 1 to 128 of A–Z a–z 0–9 _ . @ : -')
    return `${userId}~${mac(this.#secrets[0] ?? '', userId).toString('base64url')}`
  }

  /** The id, or null for what was not signed here: such a user is anonymous. Never throws. */
  readonly verify = (value: string): string | null => {
    const at = value.lastIndexOf('~')
    const userId = value.slice(0, Math.max(at, 0))
    const given = Buffer.from(value.slice(at + 1), 'base64url')
    if (!USER_ID.test(userId) || given.length !== MAC_BYTES) return null
    const genuine = this.#secrets.some((secret) => timingSafeEqual(given, mac(secret, userId)))
    return genuine ? userId : null
  }
}

function mac(secret: string, userId: string): Buffer {
  return createHmac('sha256', secret).update(`headgate user id ${userId}`).digest().subarray(0, MAC_BYTES)
}
