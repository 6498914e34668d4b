import { z } from 'zod'
import { isNetwork } from '../forwarding/index.js'
import { InvalidValue, show } from './invalid-value.js'
import { choice, count, flag, leaf } from './leaf.js'

const network = leaf<string, string>({ $comment: 'network', type: 'string', minLength: 2 }, (value) => {
  if (typeof value === 'string' && isNetwork(value)) return value
  throw new InvalidValue(
    `${show(value)} is not a network`,
    "for example '10.0.0.0/8', '2001:db8::/32' or '192.0.2.1'",
  )
})

const pseudonym = leaf<string, string>(
  { $comment: 'name', type: 'string', pattern: '^[A-Za-z0-9._-]{1,64}$' },
  (value) => {
    if (typeof value === 'string' && /^[A-Za-z0-9._-]{1,64}$/.test(value)) return value
    throw new InvalidValue(`${show(value)} is not a name`, "letters, digits, '.', '_' and '-', at most 64")
  },
)

/** What upstreams are told about the client. */
export const forwarding = z
  .strictObject({
    forwarded: choice('x-forwarded', 'forwarded', 'both', 'off').prefault('x-forwarded').meta({
      description:
        'Fields that upstreams get: `X-Forwarded-For`, `-Host`, `-Port` and `-Proto`, or `Forwarded` (RFC 7239).',
    }),
    trustedProxies: z.array(network).prefault([]).meta({
      description:
        'Networks of the proxies before this gateway. Only from them are such fields kept and appended to, and the client is the first address from the right that is not among them. From others they are thrown away.',
    }),
    trustedFields: choice('x-forwarded', 'forwarded').prefault('x-forwarded').meta({
      description:
        'The fields that these proxies write; the others are not believed, since a client may have sent them.',
    }),
    keepRequestId: flag()
      .prefault(false)
      .meta({ description: 'Take over the `X-Request-Id` of a trusted proxy instead of making one.' }),
    name: pseudonym.prefault('headgate').meta({ description: 'Name in the `Via` that upstreams get.' }),
    maxPasses: count(0, 100).prefault(5).meta({
      description:
        'How many gateways of this name a request may have passed before. Beyond it: 502. A request that comes back to the process that sent it is 502 at once.',
    }),
    cdnLoop: pseudonym.optional().meta({
      description: 'Id in `CDN-Loop` (RFC 8586), which is then sent; a request that has it already is 502.',
    }),
  })
  .prefault({})
  .meta({ description: 'What upstreams are told about the client, and whom it is believed of.' })

/** The one form of paths. */
export const paths = z
  .strictObject({
    slashes: choice('merge', 'keep')
      .prefault('merge')
      .meta({ description: '`merge`: `//` counts, and is sent on, as `/`.' }),
    ambiguous: choice('reject', 'keep').prefault('reject').meta({
      description:
        'What servers disagree about: `%2F`, `%5C`, escaped control characters, overlong UTF-8, `..;`, `..` above the root. `reject`: 400. `keep`: it is no separator, and sent on as it is.',
    }),
  })
  .prefault({})
  .meta({
    description: 'The form into which paths are brought before routes are looked at and upstreams asked.',
  })
