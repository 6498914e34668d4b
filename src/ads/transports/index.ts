export { FileTransport, type FileTransportOptions } from './file-transport.js'
export { HttpTransport, type HttpTransportOptions } from './http-transport.js'
export { type MemoryAnswer, type MemoryHandler, MemoryTransport } from './memory-transport.js'
