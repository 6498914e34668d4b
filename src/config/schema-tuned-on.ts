import { z } from 'zod'
import { InvalidValue, show } from './invalid-value.js'
import { count, leaf, size, text, withReference } from './leaf.js'

const quota = leaf<number | null, number | 'none'>(
  {
    $comment: 'cores or `none`',
    anyOf: [
      { type: 'string', pattern: withReference('none') },
      { type: 'number', exclusiveMinimum: 0 },
    ],
  },
  (value) => {
    if (value === 'none') return null
    const cores = typeof value === 'string' && /^\d+(?:\.\d+)?$/.test(value) ? Number(value) : value
    if (typeof cores === 'number' && cores > 0 && Number.isFinite(cores)) return cores
    throw new InvalidValue(`expected a number of cores or 'none', got ${show(value)}`)
  },
)

/** The fingerprint that `headgate tune --write` leaves beside `workers`. */
export const tunedOnSchema = z
  .strictObject({
    cores: count(1).meta({ description: 'Cores that the process could run on.' }),
    quota: quota.meta({ description: 'CPU quota of its container.' }),
    memory: size().meta({ description: 'Memory of the machine or of the container.' }),
    cpu: text().meta({ description: 'Model of the processor.' }),
  })
  .optional()
  .meta({
    description:
      'The machine on which `headgate tune` found `workers`, written by `tune --write`. On another one the gateway warns at its start.',
  })
