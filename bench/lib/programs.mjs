import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

/** Path of a program, also where it is not on the path of ordinary users; null when it is not installed. */
export function programPath(name) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  for (const folder of folders) if (existsSync(`${folder}/${name}`)) return `${folder}/${name}`
  return null
}

/** First line of what a program says of itself. */
export function firstLine(path, args) {
  const { stdout, stderr } = spawnSync(path, args, { encoding: 'utf8' })
  return `${stdout}${stderr}`.trim().split('\n')[0] ?? ''
}
