import { unitsOf } from './block-memory.js'
import { ENTRY, QUEUE, STATE, TOP } from './layout.js'
import type { StoreCore } from './store-core.js'

/**
 * Ends what a thread that is gone has left. Under the lock.
 * @param amidst it died in the middle of a change, so the index is made anew, which takes its time
 */
export function putInOrder(core: StoreCore, dead: number, amidst: boolean): void {
  const { table } = core
  table.unpinAll(dead)
  if (amidst) {
    markAborted(core, dead)
    rebuild(core)
  } else {
    for (let entry = table.last(QUEUE.filling); entry !== 0; ) {
      const before = table.get(entry, ENTRY.before)
      if (table.get(entry, ENTRY.owner) === dead + 1)
        core.abortUnderLock(entry, table.get(entry, ENTRY.generation))
      entry = before
    }
  }
  core.sweep(table.count(QUEUE.lingering))
}

/** Its fills, wherever they stand: no queue can be trusted. */
function markAborted(core: StoreCore, dead: number): void {
  const { table } = core
  for (let entry = table.words[TOP.highest] ?? 0; entry > 0; entry -= 1) {
    if (table.get(entry, ENTRY.owner) !== dead + 1 || table.get(entry, ENTRY.state) !== STATE.filling)
      continue
    Atomics.store(table.words, table.at(entry) + ENTRY.state, STATE.aborted)
    Atomics.add(table.words, table.at(entry) + ENTRY.generation, 1)
    core.wake(entry)
    table.count1('aborted')
  }
}

/**
 * Makes buckets, queues and the list of free memory anew out of the entries themselves, after a thread died while it changed them. Under the lock,
 * which was taken over from that thread. What it was making, moving or changing at that moment is dropped; all other entries stay, in queues whose order is lost.
 * Its fills have to be marked as `aborted` before.
 */
export function rebuild(core: StoreCore): void {
  const { table, blocks } = core
  const highest = table.words[TOP.highest] ?? 0
  table.clear()
  blocks.clear()
  for (let entry = highest; entry > 0; entry -= 1) {
    const state = table.get(entry, ENTRY.state)
    let alive = (table.get(entry, ENTRY.generation) & 1) === 1
    if (alive && !isSound(core, entry, state)) {
      kill(core, entry)
      alive = false
    }
    if (state === STATE.free || !(alive || table.isPinned(entry)) || !claimAll(core, entry)) drop(core, entry)
    else if (alive) {
      table.enqueue(entry, queueOf(table.get(entry, ENTRY.queue), state))
      table.link(entry)
    } else {
      // Removed, but still read.
      table.set(entry, ENTRY.linked, 0)
      table.enqueue(entry, QUEUE.lingering)
    }
  }
  blocks.seal()
  table.words[TOP.rebuilds] = (table.words[TOP.rebuilds] ?? 0) + 1
}

/** Was nothing about it under way when the thread died? */
function isSound({ table }: StoreCore, entry: number, state: number): boolean {
  if ((table.get(entry, ENTRY.headVersion) & 1) === 1) return false
  return state === STATE.filling || (state === STATE.complete && table.get(entry, ENTRY.doomed) === 0)
}

function kill({ table }: StoreCore, entry: number): void {
  Atomics.add(table.words, table.at(entry) + ENTRY.generation, 1)
}

function queueOf(queue: number, state: number): number {
  if (state === STATE.filling) return QUEUE.filling
  return queue === QUEUE.large || queue === QUEUE.main ? queue : QUEUE.small
}

/** @returns false: its chains are broken, and none of their blocks is claimed any more */
function claimAll({ table, blocks }: StoreCore, entry: number): boolean {
  const claimed: number[] = []
  let units = 0
  for (const first of [ENTRY.headFirst, ENTRY.bodyFirst]) {
    for (let block = table.get(entry, first); block !== 0; block = blocks.nextOf(block)) {
      if (!blocks.claim(block)) {
        for (const each of claimed) blocks.disclaim(each)
        return false
      }
      claimed.push(block)
      units += unitsOf(block)
    }
  }
  table.set(entry, ENTRY.units, units)
  return true
}

function drop(core: StoreCore, entry: number): void {
  const { table } = core
  if ((table.get(entry, ENTRY.generation) & 1) === 1) kill(core, entry)
  table.set(entry, ENTRY.linked, 0)
  table.set(entry, ENTRY.queue, QUEUE.none)
  table.giveRow(entry)
}
