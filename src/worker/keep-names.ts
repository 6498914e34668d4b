import type { Logger } from 'pino'
import type { DnsSettings } from '../upstream/index.js'
import { createQuery, NameResolver } from '../upstream/index.js'

/** The names of a worker's peers, with a log line for every change and for the first of a row of failures. */
export function keepNames(settings: DnsSettings, logger: Logger): NameResolver {
  const failing = new Map<string, string>()
  const names = new NameResolver({
    settings,
    query: createQuery(settings),
    onFailure(failure, name, served) {
      const isNews = failing.get(name) !== failure.code
      failing.set(name, failure.code)
      const reason = failure.failure === 'timeout' ? 'dns_timeout' : 'dns_error'
      const fields = { name, reason, dnsCode: failure.code, servedStale: served }
      if (isNews) logger.warn(fields, `cannot resolve a name: ${failure.message}`)
      else logger.debug(fields, `still cannot resolve a name: ${failure.message}`)
    },
    onAnswer(name) {
      if (failing.delete(name)) logger.info({ name }, 'a name is resolved again')
    },
  })
  names.onChange((name, addresses) => {
    const fields = { name, addresses: addresses.map(({ address }) => address) }
    if (addresses.length > 0) logger.info(fields, 'a name has other addresses now')
    else logger.warn(fields, 'the last addresses of a name are too old to be used')
  })
  return names
}
