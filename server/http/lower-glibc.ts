/**
 * Makes a native module that was built on a newer Linux load on an older one. Compilers of today write
 * `__isoc23_strtol` where the source says `strtol`, with the version GLIBC_2.38 of the C library: the
 * same function, but that it takes binary numbers, too. What is changed here are names only, no code.
 */

/** The first bytes of an ELF file for 64 bits, little end first. */
const elf64 = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])
const sectionTypes = { dynamicSymbols: 11, versionNeeds: 0x6ffffffe, symbolVersions: 0x6fffffff }
const symbolSize = 24
const newName = '__isoc23_'
const newVersion = 'GLIBC_2.38'

/** The version of the C library that has had everything from the start, by ELF's number of the processor. */
const oldestVersion: Readonly<Record<number, string>> = { 62: 'GLIBC_2.2.5', 183: 'GLIBC_2.17' }

interface Section {
  type: number
  offset: number
  size: number
  link: number
  count: number
}

interface Version {
  library: string
  name: string
  index: number
  /** Where its record is. */
  offset: number
}

/**
 * A copy of `file` that needs nothing of glibc 2.38; undefined where that takes more than other names.
 * The result may still need a version below it.
 */
export function lowerGlibc(file: Uint8Array): Buffer | undefined {
  const elf = Buffer.from(file)
  if (!elf.subarray(0, elf64.length).equals(elf64)) return undefined
  const sections = readSections(elf)
  const of = (type: number) => sections.find((section) => section.type === type)
  const symbols = of(sectionTypes.dynamicSymbols)
  const needs = of(sectionTypes.versionNeeds)
  const symbolVersions = of(sectionTypes.symbolVersions)
  const strings = symbols && sections[symbols.link]
  if (!symbols || !needs || !symbolVersions || !strings) return undefined

  const textAt = (offset: number) => {
    const start = strings.offset + offset
    return elf.toString('latin1', start, elf.indexOf(0, start))
  }
  const versions = readVersions(elf, needs, textAt).filter(({ library }) => library === 'libc.so.6')
  const tooNew = versions.find(({ name }) => name === newVersion)
  const oldest = versions.find(({ name }) => name === oldestVersion[elf.readUInt16LE(18)])
  if (!tooNew || !oldest) return undefined

  for (let i = 0; i < symbols.size / symbolSize; i += 1) {
    const version = symbolVersions.offset + 2 * i
    if (elf.readUInt16LE(version) !== tooNew.index) continue
    const symbol = symbols.offset + symbolSize * i
    const name = elf.readUInt32LE(symbol)
    if (!textAt(name).startsWith(newName)) return undefined
    // The old name is the end of the new one, so the table of strings has it already.
    elf.writeUInt32LE(name + newName.length, symbol)
    elf.writeUInt16LE(oldest.index, version)
  }
  // Nobody needs it any more: the record asks for the oldest one, too. First its hash, then its name.
  elf.copy(elf, tooNew.offset, oldest.offset, oldest.offset + 4)
  elf.copy(elf, tooNew.offset + 8, oldest.offset + 8, oldest.offset + 12)
  return elf
}

function readSections(elf: Buffer): Section[] {
  const start = Number(elf.readBigUInt64LE(40))
  const size = elf.readUInt16LE(58)
  return Array.from({ length: elf.readUInt16LE(60) }, (_, i) => {
    const at = start + i * size
    return {
      type: elf.readUInt32LE(at + 4),
      offset: Number(elf.readBigUInt64LE(at + 24)),
      size: Number(elf.readBigUInt64LE(at + 32)),
      link: elf.readUInt32LE(at + 40),
      count: elf.readUInt32LE(at + 44),
    }
  })
}

/** Records of libraries, each with records of its versions; both say how far it is to the next. */
function readVersions(elf: Buffer, needs: Section, textAt: (offset: number) => string): Version[] {
  const versions: Version[] = []
  let library = needs.offset
  for (let i = 0; i < needs.count; i += 1) {
    let offset = library + elf.readUInt32LE(library + 8)
    for (let j = 0; j < elf.readUInt16LE(library + 2); j += 1) {
      versions.push({
        library: textAt(elf.readUInt32LE(library + 4)),
        name: textAt(elf.readUInt32LE(offset + 8)),
        index: elf.readUInt16LE(offset + 6),
        offset,
      })
      offset += elf.readUInt32LE(offset + 12)
    }
    library += elf.readUInt32LE(library + 12)
  }
  return versions
}
