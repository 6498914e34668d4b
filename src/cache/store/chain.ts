import { readLatin1, writeLatin1 } from '../../memory/index.js'
import { type BlockMemory, roomOf } from './block-memory.js'

/** Writes text, one byte per character, from `offset` of a chain on, which must have room for it. */
export function writeChainText(blocks: BlockMemory, first: number, offset: number, text: string): void {
  let done = 0
  let skip = offset
  for (let block = first; block !== 0 && done < text.length; block = blocks.nextOf(block)) {
    const room = roomOf(block)
    if (skip >= room) {
      skip -= room
      continue
    }
    const length = Math.min(room - skip, text.length - done)
    const piece = length === text.length ? text : text.slice(done, done + length)
    writeLatin1(blocks.slabOf(block), piece, blocks.startOf(block) + skip)
    done += length
    skip = 0
  }
}

/** The text in `[offset, offset + length)` of a chain. */
export function readChainText(blocks: BlockMemory, first: number, offset: number, length: number): string {
  let text = ''
  let skip = offset
  for (let block = first; block !== 0 && text.length < length; block = blocks.nextOf(block)) {
    const room = roomOf(block)
    if (skip >= room) {
      skip -= room
      continue
    }
    const start = blocks.startOf(block) + skip
    text += readLatin1(blocks.slabOf(block), start, start + Math.min(room - skip, length - text.length))
    skip = 0
  }
  return text
}

/** Does a chain begin with this text? */
export function chainBeginsWith(blocks: BlockMemory, first: number, text: string): boolean {
  let done = 0
  for (let block = first; block !== 0 && done < text.length; block = blocks.nextOf(block)) {
    const slab = blocks.slabOf(block)
    const start = blocks.startOf(block) - done
    const end = Math.min(text.length, done + roomOf(block))
    for (; done < end; done += 1) if (slab[start + done] !== text.charCodeAt(done)) return false
  }
  return done === text.length
}
