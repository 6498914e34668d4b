import { type ParseArgsConfig, parseArgs } from 'node:util'

type Options = NonNullable<ParseArgsConfig['options']>

/**
 * The options of a script's command line.
 * @param say tells the user why there are none; by default on standard error
 * @returns null if there is one that the script does not have
 */
export function scriptOptions<const O extends Options>(
  options: O,
  usage: string,
  args: readonly string[] = process.argv.slice(2),
  say: (text: string) => void = (text) => void process.stderr.write(text),
): ReturnType<typeof parseArgs<{ options: O }>>['values'] | null {
  try {
    return parseArgs<{ options: O; args: readonly string[] }>({ options, args }).values
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    say(`${error.message}\nusage: ${usage}\n`)
    return null
  }
}
