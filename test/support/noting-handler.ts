import type { AcceptorHandler, Downstream } from '#src/acceptor/types.js'

/** An owner of an acceptor that only notes how exchanges end; what it does with requests its heirs say. */
export abstract class NotingHandler implements AcceptorHandler {
  readonly events: string[] = []

  abstract onRequest(exchange: Downstream): void

  onBody(_exchange: Downstream, _chunk: Uint8Array, _last: boolean): void {}

  onAbort(): void {
    this.events.push('abort')
  }

  onDrain(): void {
    this.events.push('drain')
  }

  onFinish(): void {
    this.events.push('finish')
  }

  onRefused(): void {
    this.events.push('refused')
  }
}
