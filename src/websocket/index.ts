export { ClientMessages, type ClientMessagesSink } from './client-messages.js'
export {
  BINARY,
  CLOSE,
  CONTINUATION,
  closeOf,
  FrameReader,
  type FrameReaderOptions,
  type FrameSink,
  PING,
  PONG,
  TEXT,
} from './frame-reader.js'
export { applyMask, nextMask, writeMaskedHead } from './masked-frames.js'
export {
  DEFLATE_OFFER,
  type DeflateAnswer,
  LEAST_COMPRESSED_BYTES,
  namesDeflate,
  readDeflateAnswer,
} from './permessage-deflate.js'
export {
  UpstreamMessages,
  type UpstreamMessagesOptions,
  type UpstreamMessagesSink,
} from './upstream-messages.js'
