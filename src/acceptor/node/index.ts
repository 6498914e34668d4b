export { createNodeAcceptor } from './node-acceptor.js'
