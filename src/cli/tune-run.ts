import { readFileSync, realpathSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { extname } from 'node:path'
import { resolveWorkers } from '../config/default-workers.js'
import type { LoadedConfig } from '../config/load.js'
import { detectMachine, type Machine, usableCores } from '../config/machine.js'
import { tunedOn } from '../config/tuned-on.js'
import { packageVersion } from '../config/version.js'
import {
  configLines,
  type Durations,
  editConfig,
  GatewayRig,
  machineText,
  NoPlotter,
  NotEditable,
  plotSvg,
  type RequestTrial,
  reportText,
  runTune,
  sampleRequests,
  type TuneResult,
  workerCounts,
} from '../tune/index.js'
import { EXIT, type ExitCode } from './exit-codes.js'
import type { TuneCommandOptions } from './tune.js'
import { TuneProgress } from './tune-progress.js'

const THOROUGH: Durations = { warmUpMs: 5000, closedMs: 10_000, openMs: 20_000 }
const QUICK: Durations = { warmUpMs: 300, closedMs: 1000, openMs: 1000 }
const ROUNDS = 3

/** Everything of `headgate tune` behind its flags. Progress goes to standard error, the result to standard output. */
export async function runTuneCommand(loaded: LoadedConfig, options: TuneCommandOptions): Promise<ExitCode> {
  const { file } = loaded.config
  if (file === null) return fail('tune needs a config file')
  const machine = detectMachine()
  const auto = resolveWorkers('auto')
  say(machineText(machine, auto))
  const samples = options.request ?? sampleRequests(loaded.config.routes)
  if (samples.length === 0) {
    return fail("no route's request can be made from what it matches: say one with --request 'GET /path'")
  }
  const rig = await GatewayRig.open({
    file,
    upstream: options.upstream,
    connections: options.connections ?? null,
    rateCapPerSecond: options.rateCap ?? null,
    durations: options.quick === true ? QUICK : THOROUGH,
  })
  let trials: readonly RequestTrial[]
  let result: TuneResult
  const progress = new TuneProgress(process.stderr, rig.expectedMs)
  try {
    const all = workerCounts(usableCores(machine))
    const counts = all.filter((count) => count <= (options.maxWorkers ?? Number.POSITIVE_INFINITY))
    trials = await rig.prepare(samples, counts.at(-1) ?? 1, (step) => progress.note(step))
    progress.clear()
    say(requestsText(trials, rig.connections))
    if (!trials.some(({ usable }) => usable)) {
      return fail("no request is answered with 2xx: say one that is with --request 'GET /path'")
    }
    result = await runTune(rig, {
      counts,
      rounds: options.quick === true ? 1 : ROUNDS,
      slo: options.slo ?? null,
      onProgress: (now) => progress.show(now),
    })
  } catch (error) {
    progress.clear()
    return fail(error instanceof Error ? error.message : String(error))
  } finally {
    progress.clear()
    await rig.close()
  }

  const { choice } = result
  let code: ExitCode = choice.meetsSlo === false ? EXIT.runtime : EXIT.ok
  let written: string | null = null
  if (options.write === true) {
    const problem = writeConfig(file, choice.workers, machine)
    if (problem === null) written = file
    else code = fail(problem)
  }
  if (options.svg !== undefined) {
    const problem = await writeSvg(options.svg, result, `${choice.workers} of ${machine.cpu}`)
    if (problem !== null) code = fail(problem)
  }
  if (options.json === true) {
    const report = {
      version: packageVersion(),
      file,
      machine,
      default: auto,
      upstream: options.upstream,
      slo: options.slo?.text ?? null,
      connections: rig.connections,
      requests: trials.map(({ request, usable, outcome }) => ({ ...request, usable, outcome })),
      ...result,
      written: written !== null,
    }
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`)
    return code
  }
  process.stdout.write(`${reportText(result, options.slo ?? null, machine)}\n`)
  if (written !== null) process.stdout.write(`written to ${written}\n`)
  else if (options.write !== true) {
    process.stdout.write('to keep it: headgate tune --write, or\n\n')
    process.stdout.write(`${configLines(choice.workers, tunedOn(machine)).replace(/^/gm, '  ')}\n`)
  }
  return code
}

/** @returns what went wrong, or null. */
function writeConfig(file: string, workers: number, machine: Machine): string | null {
  const lines = configLines(workers, tunedOn(machine))
  if (!['.yaml', '.yml', '.json'].includes(extname(file))) {
    return `${file} is a program, which is not edited by a program. Put this into it:\n${lines}`
  }
  try {
    // A link to a file stays one.
    const target = realpathSync(file)
    const text = editConfig(readFileSync(target, 'utf8'), workers, tunedOn(machine))
    // Nobody ever sees half a file: the gateway may watch it.
    const temporary = `${target}.${process.pid}.tmp`
    writeFileSync(temporary, text, { mode: statSync(target).mode })
    renameSync(temporary, target)
    return null
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return error instanceof NotEditable
      ? `${file} was not changed: ${reason}`
      : `cannot write ${file}: ${reason}. Put this into it:\n${lines}`
  }
}

async function writeSvg(file: string, result: TuneResult, title: string): Promise<string | null> {
  try {
    writeFileSync(file, await plotSvg(result, title))
    return null
  } catch (error) {
    if (error instanceof NoPlotter) return error.message
    return `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`
  }
}

function requestsText(trials: readonly RequestTrial[], connections: number): string {
  const lines = trials.map(({ request, usable, outcome }, index) => {
    const { method = 'GET', path, headers } = request
    const host = headers?.['Host']
    const text = `${method} ${host === undefined ? '' : `http://${host}`}${path}`
    return `${index === 0 ? 'requests  ' : '          '}${text} → ${outcome}${usable ? '' : ', left out'}`
  })
  return `${lines.join('\n')}\nload      ${connections} connections`
}

/** Standard error, so that standard output holds the result alone. */
function say(text: string): void {
  process.stderr.write(`${text}\n`)
}

function fail(text: string): ExitCode {
  process.stderr.write(`error: ${text}\n`)
  return EXIT.runtime
}
