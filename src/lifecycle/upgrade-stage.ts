import type { Socket } from 'node:net'
import type { GatewayError } from '../session/errors.js'
import { Headers } from '../session/headers.js'
import type { RequestHeader } from '../session/message-headers.js'
import { allowedUpgrade } from '../session/upgrade-protocols.js'
import { handshakeProblem } from '../session/websocket-handshake.js'
import { now } from '../time/index.js'
import type { BodyFraming, ResponseHead } from '../upstream/http1/index.js'
import { readDeflateAnswer } from '../websocket/index.js'
import type { ClientPort } from './client-port.js'
import { MessageRelay, type MessageRelayOwner } from './message-relay.js'
import type { PhaseRunner } from './phase-runner.js'
import type { ResponseStage } from './response-stage.js'
import { upgradeFailed } from './session-errors.js'
import type { SessionStart } from './session-start.js'
import { type ClientTunnel, Tunnel } from './tunnel.js'

export interface UpgradeStageOwner {
  fail(error: GatewayError): void
  /** The client has been sent a 101: from now on it lasts as long as it lasts. */
  onTunnelOpen(): void
  /** The tunnel broke off, perhaps when one direction had ended already. */
  onTunnelBroken(error: GatewayError): void
  /** What the upstream has sent through it was not acceptable; the client is told by a close frame. */
  onTunnelFault(error: GatewayError): void
}

/** What the client asks for. */
export type UpgradeWish = Pick<SessionStart, 'upgrade' | 'endsWebSocket'>

/** What a session does with the client's `Upgrade`: offers it to the upstream, and makes a tunnel of a 101. */
export class UpgradeStage implements MessageRelayOwner {
  /** Null as long as there was no 101. */
  tunnel: ClientTunnel | null = null
  readonly #phases: PhaseRunner
  readonly #response: ResponseStage
  readonly #port: ClientPort
  readonly #owner: UpgradeStageOwner
  readonly #wish: UpgradeWish

  constructor(
    phases: PhaseRunner,
    response: ResponseStage,
    port: ClientPort,
    owner: UpgradeStageOwner,
    wish: UpgradeWish,
  ) {
    this.#phases = phases
    this.#response = response
    this.#port = port
    this.#owner = owner
    this.#wish = wish
  }

  /** The protocols that go to the upstream, '' for none: what the route allows, if filters have left a GET without a body. */
  offer(method: string, framing: BodyFraming): string {
    const { upgrade = '' } = this.#wish
    if (upgrade === '' || method !== 'GET' || framing.kind !== 'none') return ''
    return allowedUpgrade(upgrade, this.#phases.route.upgrades)
  }

  /**
   * A 101 has come. The tunnel exists when it has passed the filters, and not before.
   * @param request as it was sent
   */
  begin(request: RequestHeader | null, head: ResponseHead, socket: Socket, firstBytes: Uint8Array): void {
    const isWebSocket = head.upgrade?.toLowerCase() === 'websocket'
    const answer = new Headers(head.headerBlock)
    // Whoever makes the client's handshake itself answers for what it agrees on with the upstream.
    const deflate =
      isWebSocket && this.#wish.endsWebSocket === true
        ? readDeflateAnswer(answer.getAll('sec-websocket-extensions'))
        : null
    const problem =
      isWebSocket && request !== null
        ? (handshakeProblem(request.headers, answer) ?? deflate?.problem ?? null)
        : null
    if (problem !== null) {
      socket.destroy()
      this.#owner.fail(upgradeFailed(problem))
      return
    }
    const tunnel = this.#tunnelOver(socket, deflate?.isAgreed === true)
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

  #tunnelOver(socket: Socket, isDeflated: boolean): ClientTunnel {
    const { route, env } = this.#phases
    const { tunnelMs } = route.upstream.config.timeouts
    const bounds = env.webSocket
    return isDeflated && bounds !== undefined
      ? new MessageRelay(socket, tunnelMs, env.wheel, this.#port, this, bounds)
      : new Tunnel(socket, tunnelMs, env.wheel, this.#port, this)
  }

  onTunnelBytes(chunk: Uint8Array): void {
    this.#response.chunk(chunk)
  }

  onTunnelEnd(): void {
    this.#phases.session.timing.upstreamResponseEnd = now()
    this.#response.end('')
  }

  onTunnelFault(error: GatewayError): void {
    this.#owner.onTunnelFault(error)
  }

  onTunnelBroken(error: GatewayError): void {
    this.#owner.onTunnelBroken(error)
  }
}
