/** Packages that are only needed, and only loaded, where something is exported. */
export const OTLP_PACKAGES = [
  '@opentelemetry/exporter-trace-otlp-http',
  '@opentelemetry/exporter-metrics-otlp-http',
  '@opentelemetry/sdk-metrics',
  '@opentelemetry/resources',
] as const

/** `otlp.endpoint` is set, but what it needs is not installed. */
export class OtlpMissing extends Error {
  override readonly name = 'OtlpMissing'
  constructor(packages: readonly string[]) {
    super(
      `otlp.endpoint is set, but packages that it needs are not installed: npm install ${packages.join(' ')} @opentelemetry/api`,
    )
  }
}

/** @param resolve throws for a package that is not there. @throws OtlpMissing */
export function checkOtlpPackages(
  resolve: (name: string) => unknown = (name) => import.meta.resolve(name),
): void {
  const missing = OTLP_PACKAGES.filter((name) => {
    try {
      resolve(name)
      return false
    } catch {
      return true
    }
  })
  if (missing.length > 0) throw new OtlpMissing(missing)
}
