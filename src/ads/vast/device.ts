/** The device on whose behalf a server asks (VAST 4.3 §1.1.3). */
export interface Device {
  readonly ip?: string
  readonly userAgent?: string
  readonly referer?: string
  readonly acceptLanguage?: string
  readonly requestedWith?: string
}

const FIELDS = [
  ['x-device-ip', 'ip', 'DEVICEIP'],
  ['x-device-user-agent', 'userAgent', 'DEVICEUA'],
  ['x-device-referer', 'referer', ''],
  ['x-device-accept-language', 'acceptLanguage', ''],
  ['x-device-requested-with', 'requestedWith', ''],
] as const

/**
 * `X-Device-…` fields for requests that a server makes for a device. What a macro of the same meaning withholds is left out; characters
 * that no field may hold are, too.
 */
export function deviceHeaders(device: Device, withheld?: ReadonlySet<string>): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const [field, key, macro] of FIELDS) {
    const value = device[key]?.replace(/[^\t\x20-\x7e\x80-\xff]/g, '').trim()
    if (value !== undefined && value !== '' && withheld?.has(macro) !== true) headers[field] = value
  }
  return headers
}

/** Values of the macros that say the same. */
export function deviceValues(device: Device): Record<string, string | undefined> {
  return { DEVICEIP: device.ip, DEVICEUA: device.userAgent }
}
