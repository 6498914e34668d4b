import { ALL_ALLOWED, CONTEXT_ONLY, type Verdict } from './verdict.js'

const FORM = /^1[YN-]{3}$/i

/**
 * What a US Privacy string (version 1, four characters: version, notice given, opted out of sale, LSPA) allows. One that cannot be read
 * counts as an opt-out.
 */
export function usPrivacyVerdict(text: string): Verdict {
  if (text === '') return ALL_ALLOWED
  return FORM.test(text) && text[2]?.toUpperCase() !== 'Y' ? ALL_ALLOWED : CONTEXT_ONLY
}
