import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { EXIT } from './exit-codes.js'
import type { Finish } from './main.js'

/** `headgate schema`: the JSON Schema of the config, for editors. */
export function addSchemaCommand(program: Command, finish: Finish): void {
  program
    .command('schema')
    .description('print the JSON Schema of the configuration')
    .option('--out <file>', 'write it to a file instead')
    .action(async (options: { out?: string }) => {
      const { configJsonSchema } = await import('../config/json-schema.js')
      const text = `${JSON.stringify(configJsonSchema(), null, 2)}\n`
      if (options.out === undefined) {
        process.stdout.write(text)
        return
      }
      try {
        mkdirSync(dirname(options.out), { recursive: true })
        writeFileSync(options.out, text)
      } catch (error) {
        process.stderr.write(
          `cannot write ${options.out}: ${error instanceof Error ? error.message : error}\n`,
        )
        finish(EXIT.runtime)
      }
    })
}
