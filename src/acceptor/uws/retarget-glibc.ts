/** Why a binary cannot be retargeted; shown to the operator. */
export class RetargetError extends Error {
  override readonly name = 'RetargetError'
}

const NEWEST = 'GLIBC_2.38'
/** C23 spellings that glibc 2.38 introduced, chosen by newer compilers' headers; the plain names behave alike here. */
const RENAMED: ReadonlySet<string> = new Set(['__isoc23_sscanf', '__isoc23_strtol', '__isoc23_strtoul'])
const PREFIX_LENGTH = '__isoc23_'.length

const SHT_DYNSYM = 11
const SHT_GNU_VERNEED = 0x6ffffffe
const SHT_GNU_VERSYM = 0x6fffffff
const EM_X86_64 = 62
const EM_AARCH64 = 183
const SYMBOL_SIZE_BYTES = 24

interface Section {
  readonly type: number
  readonly offset: number
  readonly size: number
  readonly link: number
}

interface NeededVersion {
  readonly file: string
  readonly version: string
  /** Where the `Elf64_Vernaux` record lies in the file. */
  readonly at: number
  readonly index: number
}

/**
 * Makes a copy of a shared object that was linked against glibc 2.38 loadable on an older one: the three `__isoc23_*`
 * symbols are bound to their plain namesakes of the base version, and the need for `GLIBC_2.38` becomes a second need
 * for that base version (design §6).
 *
 * @param binary a little-endian ELF64 file for x86-64 or AArch64
 * @returns a changed copy of the same size
 * @throws RetargetError if it is no such file, or anything else in it needs glibc 2.38
 */
export function retargetGlibc(binary: Buffer): Buffer {
  const base = baseVersion(binary)
  const sections = readSections(binary)
  const symbols = findSection(sections, SHT_DYNSYM, 'dynamic symbols')
  const versions = findSection(sections, SHT_GNU_VERSYM, 'symbol versions')
  const needs = findSection(sections, SHT_GNU_VERNEED, 'needed versions')
  const strings = sections[symbols.link]
  if (strings === undefined) throw new RetargetError('the dynamic symbols have no string table')

  const out = Buffer.from(binary)
  const needed = readNeeded(binary, needs, strings)
  const newest = needed.filter((need) => need.version === NEWEST)
  const target = newest[0]
  if (target === undefined) throw new RetargetError(`it does not need ${NEWEST}`)
  if (newest.length > 1 || target.file !== 'libc.so.6') {
    throw new RetargetError(`${newest.map((need) => need.file).join(', ')} is needed in version ${NEWEST}`)
  }
  const plain = needed.find((need) => need.file === 'libc.so.6' && need.version === base)
  if (plain === undefined) throw new RetargetError(`it does not need ${base} of libc.so.6`)

  for (let i = 0; i * SYMBOL_SIZE_BYTES < symbols.size; i += 1) {
    const versionAt = versions.offset + i * 2
    if ((binary.readUInt16LE(versionAt) & 0x7fff) !== target.index) continue
    const symbolAt = symbols.offset + i * SYMBOL_SIZE_BYTES
    const nameOffset = binary.readUInt32LE(symbolAt)
    const name = readString(binary, strings.offset + nameOffset)
    if (!RENAMED.has(name)) throw new RetargetError(`symbol ${name} needs ${NEWEST}`)
    // The plain name is the tail of the long one, so the string table itself need not change.
    out.writeUInt32LE(nameOffset + PREFIX_LENGTH, symbolAt)
    out.writeUInt16LE(plain.index, versionAt)
  }
  // vna_hash, and vna_name behind vna_flags and vna_other.
  binary.copy(out, target.at, plain.at, plain.at + 4)
  binary.copy(out, target.at + 8, plain.at + 8, plain.at + 12)
  return out
}

function baseVersion(binary: Buffer): string {
  const magic = binary.length >= 64 ? binary.toString('latin1', 0, 6) : ''
  if (magic !== '\x7fELF\x02\x01') throw new RetargetError('it is not a 64-bit little-endian ELF file')
  const machine = binary.readUInt16LE(18)
  if (machine === EM_X86_64) return 'GLIBC_2.2.5'
  if (machine === EM_AARCH64) return 'GLIBC_2.17'
  throw new RetargetError(`machine ${machine} is not supported`)
}

function readSections(binary: Buffer): Section[] {
  const tableAt = Number(binary.readBigUInt64LE(40))
  const entrySize = binary.readUInt16LE(58)
  const count = binary.readUInt16LE(60)
  const sections: Section[] = []
  for (let i = 0; i < count; i += 1) {
    const at = tableAt + i * entrySize
    if (at + 64 > binary.length) throw new RetargetError('the section table lies outside the file')
    sections.push({
      type: binary.readUInt32LE(at + 4),
      offset: Number(binary.readBigUInt64LE(at + 24)),
      size: Number(binary.readBigUInt64LE(at + 32)),
      link: binary.readUInt32LE(at + 40),
    })
  }
  return sections
}

function findSection(sections: readonly Section[], type: number, what: string): Section {
  const found = sections.find((section) => section.type === type)
  if (found === undefined) throw new RetargetError(`it has no ${what}`)
  return found
}

function readNeeded(binary: Buffer, needs: Section, strings: Section): NeededVersion[] {
  const found: NeededVersion[] = []
  for (let at = needs.offset, next = -1; next !== 0; at += next) {
    const count = binary.readUInt16LE(at + 2)
    const file = readString(binary, strings.offset + binary.readUInt32LE(at + 4))
    let auxAt = at + binary.readUInt32LE(at + 8)
    for (let i = 0; i < count; i += 1) {
      const version = readString(binary, strings.offset + binary.readUInt32LE(auxAt + 8))
      found.push({ file, version, at: auxAt, index: binary.readUInt16LE(auxAt + 6) })
      auxAt += binary.readUInt32LE(auxAt + 12)
    }
    next = binary.readUInt32LE(at + 12)
  }
  return found
}

function readString(binary: Buffer, at: number): string {
  return binary.toString('latin1', at, binary.indexOf(0, at))
}
