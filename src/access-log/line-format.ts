import { commonLine } from './common-line.js'
import { jsonLine } from './json-line.js'
import { Redactor } from './redactor.js'
import type { AccessLogConfig, LoggedEntry } from './types.js'

/** Makes the line of an entry, with its end. */
export type LineFormat = (entry: LoggedEntry) => string

/** Request headers that lines of this format need, lower case. */
export function shownHeaders({
  format,
  headers,
}: Pick<AccessLogConfig, 'format' | 'headers'>): readonly string[] {
  if (format === 'json') return headers
  return format === 'combined' ? ['referer', 'user-agent'] : []
}

/** @param base stands in every line of JSON: one for each thread that had the sessions */
export function lineFormat(
  config: Pick<AccessLogConfig, 'format' | 'headers' | 'redact'>,
  base: Readonly<Record<string, unknown>>,
): LineFormat {
  const redactor = new Redactor(config.redact)
  return config.format === 'json'
    ? jsonLine({ redactor, headers: config.headers, base })
    : commonLine(redactor, config.format === 'combined')
}
