/** Networks that are not as ours: only IPv6, and addresses that change while the server runs (Linux, as root). */
import { execFile, execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const network = `chatto-test-${process.pid}`
const canMake = tryToMake()

function tryToMake(): boolean {
  try {
    execFileSync('ip', ['netns', 'add', network], { stdio: 'ignore' })
    return true
  } catch (error) {
    if (process.env['CI']) throw error
    return false
  }
}

describe.skipIf(!canMake)('a network of its own (skipped where nobody may make one)', () => {
  let saw: { told: { offered: { address: string }[] }[]; warnings: unknown[] }

  beforeAll(async () => {
    const script = fileURLToPath(new URL('../support/lonely-network.ts', import.meta.url))
    const words = ['netns', 'exec', network, process.execPath, '--import', 'tsx', script]
    const { stdout } = await promisify(execFile)('ip', words, { timeout: 90_000 })
    saw = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as typeof saw
  })
  afterAll(() => {
    execFileSync('ip', ['netns', 'del', network])
  })

  test('with IPv6 only Ada and Bo hear each other', () => {
    expect(saw.told[0]?.offered.map(({ address }) => address)).toContain('fd00::1')
  })

  test('after the machine got another address, Cleo and Dee hear each other by that one, and the log says so once', () => {
    expect(saw.told).toHaveLength(2)
    const now = saw.told[1]?.offered.map(({ address }) => address)
    expect(now).toContain('fd00::2')
    expect(now).not.toContain('fd00::1')
    expect(saw.warnings).toEqual([])
  })
})
