import { Command, CommanderError } from 'commander'
import { packageVersion } from '../config/version.js'
import { addAdminCommands } from './admin-command.js'
import { addBenchCommand } from './bench.js'
import { addCheckCommand } from './check.js'
import { addDoctorCommand } from './doctor.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import { addRunCommand } from './run.js'
import { addSchemaCommand } from './schema.js'
import { addTopCommand } from './top.js'
import { addTuneCommand } from './tune.js'

/** What a command reports its exit code to. */
export type Finish = (code: ExitCode) => void

/**
 * The command line.
 * @param args without node and script.
 * @returns the exit code. Usage errors were printed to standard error.
 */
export async function main(args: readonly string[]): Promise<ExitCode> {
  // A reader that goes away early (`| head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
  })
  let code: ExitCode = EXIT.ok
  const finish: Finish = (result) => {
    code = result
  }
  const program = new Command('headgate')
    .description('A programmable HTTP gateway')
    .version(packageVersion())
    .exitOverride()
    .showHelpAfterError('(run with --help for what there is)')
  addRunCommand(program, finish)
  addCheckCommand(program, finish)
  addTuneCommand(program, finish)
  addBenchCommand(program, finish)
  addAdminCommands(program, finish)
  addDoctorCommand(program, finish)
  addSchemaCommand(program, finish)
  addTopCommand(program, finish)
  for (const command of program.commands)
    command.exitOverride().showHelpAfterError('(run with --help for what there is)')
  try {
    await program.parseAsync(args, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  }
  return code
}
