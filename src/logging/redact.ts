/** Fields whose value never stands in a log, wherever headers or options are logged. Lower case, as headers are. */
const SECRET_FIELDS = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
  'password',
  'token',
  'secret',
] as const

/** Paths for pino: the field itself, in any object of the record, and in the headers of a request or response in it. */
export const REDACTED_PATHS: readonly string[] = SECRET_FIELDS.flatMap((name) => {
  const key = `["${name}"]`
  return [key, `*${key}`, `*.headers${key}`]
})
