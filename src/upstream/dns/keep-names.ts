import { NameResolver } from './name-resolver.js'
import { createQuery } from './query-name.js'
import type { DnsSettings } from './types.js'

/** Where log lines about names go: a logger, or what hands them on to one. */
export type NameLog = Readonly<
  Record<'debug' | 'info' | 'warn', (fields: Readonly<Record<string, unknown>>, text: string) => void>
>

/** The names of a thread's peers, with a log line for every change and for the first of a row of failures. */
export function keepNames(settings: DnsSettings, log: NameLog): NameResolver {
  const failing = new Map<string, string>()
  const names = new NameResolver({
    settings,
    query: createQuery(settings),
    onFailure(failure, name, served) {
      const isNews = failing.get(name) !== failure.code
      failing.set(name, failure.code)
      const reason = failure.failure === 'timeout' ? 'dns_timeout' : 'dns_error'
      const fields = { name, reason, dnsCode: failure.code, servedStale: served }
      if (isNews) log.warn(fields, `cannot resolve a name: ${failure.message}`)
      else log.debug(fields, `still cannot resolve a name: ${failure.message}`)
    },
    onAnswer(name) {
      if (failing.delete(name)) log.info({ name }, 'a name is resolved again')
    },
  })
  names.onChange((name, addresses) => {
    const fields = { name, addresses: addresses.map(({ address }) => address) }
    if (addresses.length > 0) log.info(fields, 'a name has other addresses now')
    else log.warn(fields, 'the last addresses of a name are too old to be used')
  })
  return names
}
