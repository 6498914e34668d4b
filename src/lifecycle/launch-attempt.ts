import type { RequestHeader } from '../session/message-headers.js'
import type { Attempt } from './attempt.js'
import type { MirrorCopy } from './mirror.js'
import { asGatewayError, type PhaseRunner } from './phase-runner.js'
import type { RequestBody } from './request-body.js'
import type { UpgradeStage, UpgradeStageOwner } from './upgrade-stage.js'

const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** What all attempts of a session are made with. */
export interface LaunchEnv {
  readonly phases: PhaseRunner
  readonly body: RequestBody
  readonly upgrade: UpgradeStage
  readonly owner: Pick<UpgradeStageOwner, 'fail'>
}

/** Sends the request of an attempt: with the body as it comes, or whole, perhaps as filters make it. */
export function launchAttempt(
  env: LaunchEnv,
  attempt: Attempt,
  head: RequestHeader,
  copy: MirrorCopy | null,
): void {
  const { body, owner } = env
  const whole = wholeBody(env)
  const { transform } = body
  try {
    if (whole === null) start(env, attempt, head, null, copy)
    else if (transform === null) start(env, attempt, head, whole, copy)
    else {
      const bytes = transform(whole, true)
      if (bytes instanceof Uint8Array) start(env, attempt, head, bytes, copy)
      else startLater(env, attempt, head, bytes, copy)
    }
  } catch (error) {
    attempt.abort()
    owner.fail(asGatewayError(error))
  }
}

function startLater(
  env: LaunchEnv,
  attempt: Attempt,
  head: RequestHeader,
  body: Promise<Uint8Array>,
  copy: MirrorCopy | null,
): void {
  const alive = env.phases.liveness()
  body
    .then((bytes) => {
      if (alive()) start(env, attempt, head, bytes, copy)
    })
    .catch((error: unknown) => {
      if (alive()) env.owner.fail(asGatewayError(error))
    })
}

/** The request body if it is all there, or was set by a filter; null if there is none or it streams. */
function wholeBody({ phases, body }: LaunchEnv): Uint8Array | null {
  const { requestBody } = phases.session
  if (body.gathered) return requestBody ?? body.whole()
  if (requestBody !== null) body.drain()
  return requestBody
}

/** @param whole null: the body streams, or there is none */
function start(
  { phases, body, upgrade }: LaunchEnv,
  attempt: Attempt,
  head: RequestHeader,
  whole: Uint8Array | null,
  copy: MirrorCopy | null,
): void {
  const { upstream } = phases.route
  let framing = body.framing
  let bytes = whole
  if (whole !== null && whole.length === 0 && BODILESS.has(head.method)) {
    bytes = null
    framing = { kind: 'none' }
  } else if (whole !== null) framing = { kind: 'length', length: whole.length }
  const offered = bytes === null ? upgrade.offer(head.method, framing) : ''
  attempt.start(upstream, head, bytes, framing, offered)
  copy?.begin(head, bytes, framing)
}
