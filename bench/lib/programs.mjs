import { spawn, spawnSync } from 'node:child_process'
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

/** Runs a program to its end without holding up anything else. */
export function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (text) => {
      stderr += text
    })
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, stderr }))
  })
}
