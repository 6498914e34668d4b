import type { ResponseHeader } from '../session/message-headers.js'
import { responseBlock } from '../session/wire-block.js'
import { now } from '../time/index.js'
import type { PhaseRunner } from './phase-runner.js'
import type { FinalHead } from './response-pipe-types.js'
import { serverTimingLine } from './server-timing.js'

/** The head of an answer as it goes to the client, with `Server-Timing` where answers are to have it. */
export function finalHead({ env, trail, session }: PhaseRunner, response: ResponseHeader): FinalHead {
  const block = responseBlock(response.headers)
  const timing =
    env.serverTiming === true
      ? serverTimingLine(trail, session.timing, session.cacheResult?.status ?? null, now())
      : ''
  return { status: response.code, text: response.text, block: block + timing }
}
