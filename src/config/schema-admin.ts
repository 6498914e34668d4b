import { z } from 'zod'
import { parseAdmin, parseListen } from './address.js'
import { InvalidValue, show } from './invalid-value.js'
import { leaf, withReference } from './leaf.js'
import type { ListenAddress } from './types.js'

export const LISTEN_PATTERN = '(?:[A-Za-z0-9._-]+|\\[[0-9A-Fa-f:.]+\\])?:\\d{1,5}|\\d{1,5}'
export const PORT = { type: 'integer', minimum: 0, maximum: 65_535 }

/** Long enough not to be guessed. */
const MIN_TOKEN = 16

const address = leaf<ListenAddress | null, string | number | false>(
  {
    $comment: 'address or `false`',
    anyOf: [{ type: 'string', pattern: withReference(`off|${LISTEN_PATTERN}`) }, PORT, { const: false }],
  },
  parseAdmin,
)

const token = leaf<string, string>(
  { $comment: `text of ${MIN_TOKEN} characters or more`, type: 'string', minLength: 1 },
  (value) => {
    if (typeof value !== 'string') throw new InvalidValue('expected a text')
    // What it is stays out of the message.
    if (!/^[\x21-\x7e]+$/.test(value))
      throw new InvalidValue('the token has characters that no header may carry')
    if (value.length >= MIN_TOKEN) return value
    throw new InvalidValue(
      'the token is too short',
      `at least ${MIN_TOKEN} characters, from \${ADMIN_TOKEN} for example`,
    )
  },
)

const hostName = leaf<string, string>({ $comment: 'host name', type: 'string', minLength: 1 }, (value) => {
  if (typeof value === 'string' && /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(value))
    return value.toLowerCase()
  throw new InvalidValue(`${show(value)} is not a host name`, 'without a port')
})

/** `admin` */
export const adminSchema = z
  .union([
    address,
    z.strictObject({
      listen: leaf<ListenAddress, string | number>(
        { $comment: 'address', anyOf: [{ type: 'string', pattern: withReference(LISTEN_PATTERN) }, PORT] },
        parseListen,
      )
        .prefault('127.0.0.1:9901')
        .meta({ description: 'Where it listens.' }),
      token: token.optional().meta({
        description:
          'What clients have to show, as `Authorization: Bearer TOKEN` or as the password of Basic. Needed on any address but loopback.',
      }),
      hosts: z.array(hostName).prefault([]).meta({
        description: 'Names under which it may be asked, beside `localhost` and any address.',
      }),
    }),
  ])
  .prefault('127.0.0.1:9901')
  .meta({
    description:
      'Admin listener: metrics, dashboard, commands. On a loopback address, or with a token; `false`: none. See docs/observability.md.',
  })
