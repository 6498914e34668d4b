/** Codes of ISO 4217, those no longer in use included, as ICU knows them: the same in all threads of a process. */
export const CURRENCIES: readonly string[] = Intl.supportedValuesOf('currency')

const KNOWN: ReadonlySet<string> = new Set(CURRENCIES)

export function isCurrency(code: string): boolean {
  return KNOWN.has(code)
}
