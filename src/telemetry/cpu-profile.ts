import { Session } from 'node:inspector'

/** What Chromium's developer tools, VS Code and speedscope read as `.cpuprofile`: JSON text. */
export type CpuProfileText = string

let isRunning = false

/** Another profile of this thread is being taken. */
export class ProfileInProgress extends Error {
  override readonly name = 'ProfileInProgress'
  constructor() {
    super('a profile of this thread is being taken already')
  }
}

/**
 * Profiles the calling thread through the inspector, which opens no port.
 * @param durationMs how long
 * @param intervalUs time between two samples, default 1000 µs
 * @throws ProfileInProgress
 */
export async function captureCpuProfile(durationMs: number, intervalUs = 1000): Promise<CpuProfileText> {
  if (isRunning) throw new ProfileInProgress()
  isRunning = true
  const session = new Session()
  try {
    session.connect()
    await post(session, 'Profiler.enable')
    await post(session, 'Profiler.setSamplingInterval', { interval: intervalUs })
    await post(session, 'Profiler.start')
    await new Promise((resolve) => setTimeout(resolve, durationMs))
    const { profile } = (await post(session, 'Profiler.stop')) as { profile: unknown }
    return JSON.stringify(profile)
  } finally {
    session.disconnect()
    isRunning = false
  }
}

function post(
  session: Session,
  method: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, { ...params }, (error, result) => {
      if (error === null) resolve(result)
      else reject(error)
    })
  })
}
