import { pino } from 'pino'
import type { Redactor } from './redactor.js'
import { roundMs } from './round-ms.js'
import { asciiJson, MAX_TEXT } from './safe-text.js'
import type { AccessEntry } from './types.js'

/** Makes one line of an entry. @param every the entry stands for so many */
export type LineFormat = (entry: AccessEntry, every: number) => void

export interface JsonLineOptions {
  readonly redactor: Redactor
  readonly headers: readonly string[]
  /** Stand in every line. */
  readonly base: Readonly<Record<string, unknown>>
}

/** Lines of JSON, made by pino. @param write takes a line with its end */
export function jsonLines(
  { redactor, headers, base }: JsonLineOptions,
  write: (line: string) => void,
): LineFormat {
  const logger = pino(
    {
      base,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: pino.stdTimeFunctions.isoTime,
    },
    { write: (line: string) => write(`${asciiJson(line.slice(0, -1))}\n`) },
  )
  return (entry, every) => {
    const { target } = entry
    const mark = target.indexOf('?')
    let truncated = false
    const cut = (text: string): string => {
      if (text.length <= MAX_TEXT) return text
      truncated = true
      return text.slice(0, MAX_TEXT)
    }
    const fields: Record<string, unknown> = { reqId: entry.requestId }
    if (entry.traceId !== '') fields['traceId'] = entry.traceId
    fields['client'] = entry.client
    if (entry.method !== '') fields['method'] = entry.method
    if (entry.host !== '') fields['host'] = cut(entry.host)
    if (target !== '') fields['path'] = cut(mark < 0 ? target : target.slice(0, mark))
    // Redacted first: of a secret not even the beginning stays.
    if (mark >= 0) fields['query'] = cut(redactor.query(target.slice(mark + 1)))
    if (entry.route !== '') fields['route'] = entry.route
    fields['status'] = entry.status
    if (entry.upstream !== '') fields['upstream'] = entry.upstream
    if (entry.upstreamStatus !== 0) fields['upstreamStatus'] = entry.upstreamStatus
    fields['tries'] = entry.tries
    if (entry.reason !== '') fields['reason'] = entry.reason
    if (entry.code !== '') fields[entry.kind === 'refused' ? 'kind' : 'code'] = entry.code
    if (entry.cache !== '') fields['cache'] = entry.cache
    fields['bytesIn'] = entry.bytesIn
    fields['bytesOut'] = entry.bytesOut
    fields['tQueue'] = roundMs(entry.queueMs)
    fields['tConnect'] = roundMs(entry.connectMs)
    fields['tResponse'] = roundMs(entry.responseMs)
    fields['tActive'] = roundMs(entry.totalMs)
    fields['overheadUs'] = entry.overheadMs < 0 ? -1 : Math.round(entry.overheadMs * 1000)
    if (headers.length > 0) {
      const shown: Record<string, string> = {}
      for (const name of headers) {
        const value = entry.header(name)
        if (value !== null) shown[name] = cut(redactor.header(name, value))
      }
      fields['headers'] = shown
    }
    if (truncated) fields['truncated'] = true
    if (every > 1) fields['sampled'] = every
    logger.info(fields, entry.kind)
  }
}
