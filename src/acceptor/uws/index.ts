export { NativeUnavailable } from './native-unavailable.js'
export { createUwsAcceptor } from './uws-acceptor.js'
