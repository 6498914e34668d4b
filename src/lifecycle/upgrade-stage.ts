import type { Socket } from 'node:net'
import type { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import type { RequestHeader } from '../session/message-headers.js'
import { allowedUpgrade } from '../session/upgrade-protocols.js'
import { handshakeProblem } from '../session/websocket-handshake.js'
import { now } from '../time/index.js'
import type { BodyFraming, ResponseHead } from '../upstream/http1/index.js'
import type { ClientPort } from './client-port.js'
import type { PhaseRunner } from './phase-runner.js'
import type { ResponseStage } from './response-stage.js'
import { upgradeFailed } from './session-errors.js'
import { Tunnel, type TunnelOwner } from './tunnel.js'

export interface UpgradeStageOwner {
  fail(error: GatewayError): void
  /** The client has been sent a 101: from now on it lasts as long as it lasts. */
  onTunnelOpen(): void
  /** The tunnel broke off, perhaps when one direction had ended already. */
  onTunnelBroken(error: GatewayError): void
}

/** What a session does with the client's `Upgrade`: offers it to the upstream, and makes a tunnel of a 101. */
export class UpgradeStage implements TunnelOwner {
  /** Null as long as there was no 101. */
  tunnel: Tunnel | null = null
  readonly #phases: PhaseRunner
  readonly #response: ResponseStage
  readonly #port: ClientPort
  readonly #owner: UpgradeStageOwner
  readonly #asked: string

  /** @param asked as in `RequestHead.upgrade` */
  constructor(
    phases: PhaseRunner,
    response: ResponseStage,
    port: ClientPort,
    owner: UpgradeStageOwner,
    asked: string,
  ) {
    this.#phases = phases
    this.#response = response
    this.#port = port
    this.#owner = owner
    this.#asked = asked
  }

  /** The protocols that go to the upstream, '' for none: what the route allows, if filters have left a GET without a body. */
  offer(method: string, framing: BodyFraming): string {
    if (this.#asked === '' || method !== 'GET' || framing.kind !== 'none') return ''
    return allowedUpgrade(this.#asked, this.#phases.route.upgrades)
  }

  /**
   * A 101 has come. The tunnel exists when it has passed the filters, and not before.
   * @param request as it was sent
   */
  begin(request: RequestHeader | null, head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void {
    const isWebSocket = head.upgrade?.toLowerCase() === 'websocket'
    const problem =
      isWebSocket && request !== null
        ? handshakeProblem(request.headers, new Headers(head.headerBlock))
        : null
    if (problem !== null) {
      socket.destroy()
      this.#owner.fail(upgradeFailed(problem))
      return
    }
    const { route, env } = this.#phases
    const tunnel = new Tunnel(socket, route.upstream.config.timeouts.tunnelMs, env.wheel, this.#port, this)
    this.tunnel = tunnel
    this.#response.beginUpgrade(head, tunnel, (isOpen) => {
      if (!isOpen) {
        tunnel.close()
        return
      }
      this.#owner.onTunnelOpen()
      tunnel.open(firstBytes)
    })
  }

  onTunnelBytes(chunk: Uint8Array): void {
    this.#response.chunk(chunk)
  }

  onTunnelEnd(): void {
    this.#phases.session.timing.upstreamResponseEnd = now()
    this.#response.end('')
  }

  onTunnelBroken(error: GatewayError): void {
    this.#owner.onTunnelBroken(error)
  }
}
