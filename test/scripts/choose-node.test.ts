/** Which Node runs the commands: decided before anything is installed. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { builds, chooseNode, engines } from '../../scripts/house/choose-node.mjs'
import { otherNodes } from '../../scripts/house/other-nodes.mjs'
import packageJson from '../../package.json' with { type: 'json' }

const abis = new Map([
  [18, '108'],
  [20, '115'],
  [21, '120'],
  [22, '127'],
  [23, '131'],
  [24, '137'],
  [25, '141'],
  [26, '147'],
])
const debian12 = '2.36'
const debian13 = '2.41'

interface Present {
  glibc?: string
  platform?: string
  arch?: string
  wish?: string
}

/** `this`, the version of another one, or none; and what the person reads. */
function choose(
  version: string,
  { glibc, platform = 'linux', arch = 'x64', wish }: Present = {},
): { choice: string; line: string } {
  const abi = abis.get(Number(version.split('.')[0])) ?? ''
  const choice = chooseNode({ version, abi, glibc, platform, arch }, wish)
  if (choice.is === 'this') return { choice: 'this', line: '' }
  return { choice: choice.is === 'other' ? choice.node.version : 'none', line: choice.line }
}

const majorOf = (version: string) => Number(version.split('.')[0])

describe('the present Node', () => {
  test.each(['20.19.0', '20.20.2', '22.13.0', '22.23.5', '24.0.0', '24.22.3', '25.9.0'])(
    '%s is used in Debian 13',
    (version) => {
      expect(choose(version, { glibc: debian13 }).choice).toBe('this')
      expect(choose(version, { glibc: debian13, arch: 'arm64' }).choice).toBe('this')
      expect(choose(version, { glibc: debian13, wish: 'system' }).choice).toBe('this')
    },
  )

  test('Node 20 is used in Debian 12, too, and every one of them on a Mac and on Windows', () => {
    expect(choose('20.20.2', { glibc: debian12 }).choice).toBe('this')
    for (const [platform, arch] of [
      ['darwin', 'x64'],
      ['darwin', 'arm64'],
      ['win32', 'x64'],
    ] as const) {
      for (const version of ['20.19.0', '22.13.0', '24.0.0']) {
        expect(choose(version, { platform, arch }).choice).toBe('this')
      }
    }
  })
})

describe('where the present Node cannot', () => {
  test('Node 26 in Debian 13 gives way to Node 24, and says so in one line', () => {
    const { choice, line } = choose('26.12.1', { glibc: debian13 })
    expect(majorOf(choice)).toBe(24)
    expect(line).toBe(
      'Node 26.12.1 cannot run Chatto Calls here: uWebSockets.js has no build for it, ' +
        `so this is Node ${choice} from .cache (or CHATTO_NODE=system).`,
    )
  })

  test.each(['22.23.5', '24.22.3', '25.9.0', '26.12.1'])(
    '%s in Debian 12 gives way to Node 20, which needs no newer glibc',
    (version) => {
      expect(majorOf(choose(version, { glibc: debian12 }).choice)).toBe(20)
    },
  )

  test('the line names both versions of glibc', () => {
    expect(choose('24.22.3', { glibc: debian12 }).line).toContain(
      'its uWebSockets.js needs glibc 2.38, this system has 2.36',
    )
  })

  test.each(['18.20.8', '20.18.3', '21.7.3', '22.12.0', '23.11.1'])(
    '%s gives way to Node 24 in Debian 13 and to Node 20 in Debian 12',
    (version) => {
      expect(majorOf(choose(version, { glibc: debian13 }).choice)).toBe(24)
      expect(majorOf(choose(version, { glibc: debian12 }).choice)).toBe(20)
    },
  )

  test('2.4 is an older glibc than 2.38, and 2.100 a newer one', () => {
    expect(majorOf(choose('26.0.0', { glibc: '2.100' }).choice)).toBe(24)
    expect(choose('26.0.0', { glibc: '2.4' }).choice).toBe('none')
  })

  test('CHATTO_NODE=system refuses in one line, which says what can', () => {
    const { choice, line } = choose('26.12.1', { glibc: debian13, wish: 'system' })
    expect(choice).toBe('none')
    expect(line).toMatch(/^Node 26\.12\.1 cannot .*Node 24 .*CHATTO_NODE=system.*\.$/)
  })

  test('another value of CHATTO_NODE is refused, whichever Node it is', () => {
    const { choice, line } = choose('24.22.3', { glibc: debian13, wish: '22' })
    expect(choice).toBe('none')
    expect(line).toBe('CHATTO_NODE knows one value, system, not 22.')
  })
})

describe('where no Node can', () => {
  test('musl is named', () => {
    const { choice, line } = choose('24.22.3')
    expect(choice).toBe('none')
    expect(line).toMatch(/needs glibc.*musl/)
  })

  test.each([
    ['linux', 'riscv64'],
    ['win32', 'arm64'],
    ['freebsd', 'x64'],
  ])('%s on %s is named', (platform, arch) => {
    const { choice, line } = choose('24.22.3', { platform, arch, glibc: debian13 })
    expect(choice).toBe('none')
    expect(line).toContain(`no build for ${platform}-${arch}`)
  })
})

describe('what the decision goes by is true', () => {
  const folder = dirname(fileURLToPath(import.meta.resolve('uWebSockets.js')))

  test.each(Object.entries(builds))('of the builds for %s', (machine, ofMachine) => {
    for (const [abi, oldestGlibc] of Object.entries(ofMachine)) {
      const file = join(folder, `uws_${machine.replace('-', '_')}_${abi}.node`)
      const names = readFileSync(file, 'latin1').match(/GLIBC_2\.\d+/g) ?? []
      const newest = Math.max(...names.map((name) => Number(name.split('.')[1])))
      expect(`2.${newest}`, file).toBe(oldestGlibc ?? '2.-Infinity')
    }
  })

  test('that there is none for Node 26 and later', () => {
    const known = new Set(Object.values(builds).flatMap((ofMachine) => Object.keys(ofMachine)))
    const newest = Math.max(...[...known].map(Number))
    const later = readdirSync(folder).filter(
      (name) => Number(/_(\d+)\.node$/.exec(name)?.[1]) > newest,
    )
    expect(later).toEqual([])
  })

  test('each Node to be fetched is one that is used where it is fetched, and pinned', () => {
    for (const [machine, nodes] of Object.entries(otherNodes)) {
      const [platform = '', arch = ''] = machine.split('-')
      for (const { version, abi, integrity } of nodes) {
        expect(String(abi)).toBe(abis.get(majorOf(version)))
        const glibc = platform === 'linux' ? '2.38' : undefined
        expect(choose(version, { platform, arch, ...(glibc && { glibc }) }).choice).toBe('this')
        expect(integrity).toMatch(/^sha512-[\w+/]{86}==$/)
      }
    }
  })

  test('package.json promises the same', () => {
    expect(packageJson.engines.node).toBe(engines)
  })
})
