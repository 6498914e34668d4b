/** Statuses whose answers never have a body (RFC 9110 §6.4.1): no content and no framing fields either. */
export function isBodiless(status: number): boolean {
  return status === 204 || status === 304 || status < 200
}

const ASCII_BLOCK = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e]*\r\n)*$/
const BLOCK = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/
const BEYOND_ASCII = /[\x80-\xff]/
const STATUS_TEXT = /^[\t\x20-\x7e]*$/

let knownBlock = ''
let knownIsAscii = true

/**
 * Whether the head of an answer can go on the wire. Its owner has validated it; this is the last look before bytes that a
 * client or an upstream chose could split the answer (U14, B15). The same block as last time is not looked at again.
 */
export function isAnswerHead(status: number, statusText: string, headerBlock: string): boolean {
  if (headerBlock !== knownBlock) {
    const ascii = ASCII_BLOCK.test(headerBlock)
    if (!ascii && !BLOCK.test(headerBlock)) return false
    knownIsAscii = ascii
  }
  // Also when it reads the same: {@link isAscii} then compares a string with itself.
  knownBlock = headerBlock
  if (status === 200 && statusText === 'OK') return true
  return status >= 200 && status <= 999 && Number.isInteger(status) && STATUS_TEXT.test(statusText)
}

/** Whether every byte of a block is ASCII; of one that {@link isAnswerHead} has just seen it is known. */
export function isAscii(headerBlock: string): boolean {
  return headerBlock === knownBlock ? knownIsAscii : !BEYOND_ASCII.test(headerBlock)
}

/** Whether the head of a 101 can go on the wire. */
export function isUpgradeHead(statusText: string, headerBlock: string): boolean {
  return BLOCK.test(headerBlock) && STATUS_TEXT.test(statusText)
}
