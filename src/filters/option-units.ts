import { z } from 'zod'
import { parseDuration, parseSize } from '../config/units.js'

/** A duration such as `1s` among the options of a filter, as milliseconds. */
export const durationOption = unit(parseDuration)

/** A size such as `16KiB` among the options of a filter, as bytes. */
export const sizeOption = unit(parseSize)

function unit(parse: (text: string) => number) {
  return z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : 'not a value' })
      return z.NEVER
    }
  })
}
