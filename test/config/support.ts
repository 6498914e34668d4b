import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import {
  ConfigError,
  type ConfigProblem,
  type LoadedConfig,
  type LoadOptions,
  loadConfig,
} from '#src/config/index.js'

/** A folder with these files in it, removed after the test. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), 'headgate-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
  return folder
}

const readers = {
  parallelism: () => 4,
  readFile: () => null,
  hardware: () => ({ cores: 4, memoryBytes: 8 * 2 ** 30, cpu: 'Test CPU, x64' }),
}

/** Loads from a folder of these files, on a machine of 4 cores, without any environment variable. */
export function load(
  files: Readonly<Record<string, string>>,
  options: LoadOptions = {},
): Promise<LoadedConfig> {
  return loadConfig({ cwd: folderWith(files), env: {}, readers, ...options })
}

/** The problems of a config that must not load. */
export async function problemsOf(
  files: Readonly<Record<string, string>>,
  options: LoadOptions = {},
): Promise<readonly ConfigProblem[]> {
  try {
    await load(files, options)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('the config was accepted')
}

/** The smallest YAML that is complete. */
export const MINIMAL = "upstreams: { app: { peers: ['127.0.0.1:9000'] } }\n"
