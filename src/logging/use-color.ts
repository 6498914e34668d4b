type Environment = Readonly<Record<string, string | undefined>>

/** May text for this output be coloured? A NO_COLOR that is not empty says no (https://no-color.org). */
export function useColor(env: Environment, isTerminal: boolean | undefined): boolean {
  if ((env['NO_COLOR'] ?? '') !== '') return false
  return isTerminal === true || (env['FORCE_COLOR'] ?? '0') !== '0'
}
