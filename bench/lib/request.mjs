/** How many different ones there are where a request has `{n}` in its path or in a field. */
const DIFFERENT = 1000

/** The requests of a scenario, which are sent in turn: one, or many that differ in `{n}`. */
export function requestsOf(scenario) {
  const { method, path = '/', headers, bodyBytes } = scenario.request ?? {}
  const one = {
    path,
    ...(method && { method }),
    ...(headers && { headers }),
    ...(bodyBytes && { body: 'x'.repeat(bodyBytes) }),
  }
  const text = JSON.stringify([path, headers ?? {}])
  return text.includes('{n}') ? Array.from({ length: DIFFERENT }, (_, n) => numbered(one, n)) : [one]
}

function numbered(request, n) {
  const fill = (value) => value.replaceAll('{n}', String(n))
  const headers = Object.entries(request.headers ?? {}).map(([name, value]) => [name, fill(value)])
  return { ...request, path: fill(request.path), headers: Object.fromEntries(headers) }
}
