import type { UwsResponse, UwsWebSocket } from './native-types.js'

/**
 * Holds a client back that sends over a WebSocket. uWS has no call for that, but its `pause` and `resume` of a response do it for any
 * of its sockets: in the pinned binaries they look up the socket behind the object, touch its poll, its timer and the length of its
 * buffer, which all sockets of uWS have in the same place, and nothing of a response. (Read in the disassembly of
 * `HttpResponseWrapper::res_pause` and `res_resume`; whoever pins other binaries has to look again. The tests of test/upgrade
 * fail where it does not hold.)
 */
export class Throttle {
  readonly #pause: () => void
  readonly #resume: () => void

  constructor(response: UwsResponse) {
    this.#pause = response.pause
    this.#resume = response.resume
  }

  /** uWS reads nothing more from the client, nor does it tell that there is room to write. */
  pause(socket: UwsWebSocket): void {
    this.#pause.call(socket)
  }

  resume(socket: UwsWebSocket): void {
    this.#resume.call(socket)
  }
}
