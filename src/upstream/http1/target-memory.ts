import { AddressRotation, type NameResolver } from '../dns/index.js'
import { Dial } from './dial.js'
import type { TlsMemory } from './open-socket.js'
import type { ConnectTarget } from './types.js'

/** What is remembered of a target beyond the life of its connections. */
export class TargetMemory {
  readonly tls: TlsMemory = { context: null, session: null }
  /** The name that is resolved; null when the target has an address. */
  readonly host: string | null
  readonly rotation = new AddressRotation()

  constructor(host: string | null) {
    this.host = host
  }

  /** For a new connection; null when there is nothing to resolve. */
  dial(names: NameResolver | undefined): Dial | null {
    return names === undefined || this.host === null ? null : new Dial(names, this.host, this.rotation)
  }
}

/** Targets remembered; those of a configuration are far fewer, so this bounds only what comes and goes at run time. */
const CAPACITY = 1024

/** The memories of all targets by id. The oldest is forgotten when there are too many: then a session is not resumed. */
export class TargetMemories {
  readonly #memories = new Map<string, TargetMemory>()

  /** @param host null when it has an address */
  of(target: ConnectTarget, host: string | null): TargetMemory {
    let memory = this.#memories.get(target.id)
    if (memory !== undefined) return memory
    if (this.#memories.size >= CAPACITY) {
      for (const oldest of this.#memories.keys()) {
        this.#memories.delete(oldest)
        break
      }
    }
    memory = new TargetMemory(host)
    this.#memories.set(target.id, memory)
    return memory
  }

  /** Those of a name, by target id. */
  *named(host: string): Iterable<[id: string, memory: TargetMemory]> {
    for (const entry of this.#memories) if (entry[1].host === host) yield entry
  }
}
