export { type CompressOptions, compressOptions, createCompressFilter } from './compress-filter.js'
export { createDecompressFilter, type DecompressOptions, decompressOptions } from './decompress-filter.js'
