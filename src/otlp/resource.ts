import type { HrTime } from '@opentelemetry/api'
import type { Resource } from '@opentelemetry/resources'
import { packageVersion } from '../config/version.js'
import type { OtlpConfig } from './types.js'

let scope: { readonly name: string; readonly version: string } | null = null

/** Who has made spans and metrics. */
export function packageScope(): { readonly name: string; readonly version: string } {
  scope ??= { name: 'headgate', version: packageVersion() }
  return scope
}

/** What they are about. */
export async function resourceOf({ service }: OtlpConfig): Promise<Resource> {
  const { resourceFromAttributes } = await import('@opentelemetry/resources')
  return resourceFromAttributes({ 'service.name': service, 'service.version': packageScope().version })
}

/** @param timeMs milliseconds with fractions. @returns seconds and nanoseconds */
export function hrTime(timeMs: number): HrTime {
  const seconds = Math.floor(timeMs / 1000)
  return [seconds, Math.min(999_999_999, Math.round((timeMs - seconds * 1000) * 1e6))]
}
