/**
 * A command that runs in another Node than the one it was started in. The other one is the present one
 * under another name, as if it had been fetched: so nothing is downloaded here (test/nodes does that).
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/until.ts'

const house = fileURLToPath(new URL('../../scripts/house', import.meta.url))

let root: string
let pids: number[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'chatto-other-node-'))
  pids = []
  cpSync(house, join(root, 'scripts/house'), { recursive: true })
  const folder = join(root, '.cache/node-99.9.9')
  const bin = join(folder, 'node_modules/node-of-tests/bin')
  mkdirSync(bin, { recursive: true })
  symlinkSync(process.execPath, join(bin, 'node'))
  writeFileSync(join(folder, 'complete'), '')
  // Decides as the real one does, with that Node for the one that can.
  writeFileSync(
    join(root, 'scripts/house/choose-node.mjs'),
    `const node = { name: 'node-of-tests', version: '99.9.9' }
     export const chooseNode = () => process.env.PATH.includes(node.version)
       ? { is: 'this' }
       : { is: 'other', node, line: 'Another Node ' + process.pid }`,
  )
  writeFileSync(
    join(root, 'scripts/command.mjs'),
    `import { onFittingNode } from './house/require-node.mjs'
     onFittingNode(() => import('../work.mjs'))`,
  )
  writeFileSync(
    join(root, 'package.json'),
    '{ "type": "module", "scripts": { "start": "node scripts/command.mjs" } }',
  )
})
afterEach(() => {
  for (const pid of pids) if (isAlive(pid)) process.kill(pid, 'SIGKILL')
  rmSync(root, { recursive: true })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Starts the command, whose work is `work`, with arguments and a flag of Node, or as `npm start`. */
function start(work: string, { args = [] as string[], byNpm = false } = {}) {
  writeFileSync(
    join(root, 'work.mjs'),
    `console.log('work ' + process.pid + ', npm_command ' + process.env.npm_command)\n${work}`,
  )
  const env = { ...process.env }
  for (const name of Object.keys(env)) if (name.startsWith('npm_')) delete env[name]
  const script = join(root, 'scripts/command.mjs')
  const child = byNpm
    ? spawn('npm', ['start'], { cwd: root, env })
    : spawn(process.execPath, ['--max-semi-space-size=16', script, ...args], { env })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  const pidOf = async (who: 'Another Node' | 'work') => {
    const pattern = new RegExp(`^${who} (\\d+)`, 'm')
    const found = await until(`${who} is there`, 15_000, () => pattern.exec(output))
    pids.push(Number(found[1]))
    return Number(found[1])
  }
  const says = (text: string) => until(`it says ${text}`, 15_000, () => output.includes(text))
  return { child, ended, output: () => output, pidOf, says }
}

const untilSignal = `
  process.on('SIGTERM', () => { console.log('asked to end'); process.exit(7) })
  process.on('SIGINT', () => { console.log('interrupted'); process.exit(8) })
  setInterval(() => {}, 1000)
  console.log('listening')`

test('has the arguments, the flags and the exit code of the one that was started, and one line about it', async () => {
  const { ended, output } = start(
    `console.log(JSON.stringify([process.execArgv, process.argv.slice(2)]))
     process.exit(3)`,
    { args: ['--config', 'a file.toml'] },
  )
  expect(await ended).toBe(3)
  expect(output().match(/^Another Node/gm)).toHaveLength(1)
  expect(output()).toContain('[["--max-semi-space-size=16"],["--config","a file.toml"]]')
})

test('finds that Node and its npm under the names that programs look for, and nothing of ours', async () => {
  const { ended, output } = start(
    `const { NODE, PATH, npm_execpath, npm_node_execpath, CHATTO_STARTED_BY } = process.env
     const first = PATH.split(':').slice(0, 2)
     console.log(JSON.stringify({ first, NODE, npm_execpath, npm_node_execpath, CHATTO_STARTED_BY }))`,
  )
  expect(await ended).toBe(0)
  const packages = join(root, '.cache/node-99.9.9/node_modules')
  const node = join(packages, 'node-of-tests/bin/node')
  expect(JSON.parse(/^\{.*\}$/m.exec(output())?.[0] ?? '{}')).toEqual({
    first: [join(packages, 'node-of-tests/bin'), join(packages, '.bin')],
    NODE: node,
    npm_node_execpath: node,
    npm_execpath: join(packages, 'npm/bin/npm-cli.js'),
  })
})

test.each([
  ['SIGTERM', 'asked to end', 7],
  ['SIGINT', 'interrupted', 8],
] as const)(
  '%s reaches it, and how it ends is how the command ends',
  async (signal, last, code) => {
    const { child, ended, output, says } = start(untilSignal)
    await says('listening')
    child.kill(signal)
    expect(await ended).toBe(code)
    expect(output()).toContain(last)
  },
)

test('killed by a signal, it ends the command with the code that shells give for it', async () => {
  const { ended, pidOf, says } = start(untilSignal)
  await says('listening')
  process.kill(await pidOf('work'), 'SIGKILL')
  expect(await ended).toBe(128 + 9)
})

describe('nothing outlives whoever started it:', () => {
  test('a SIGTERM for npm start ends it', async () => {
    const { child, pidOf, says } = start(untilSignal, { byNpm: true })
    await says('listening')
    const work = await pidOf('work')
    child.kill('SIGTERM')
    await says('asked to end')
    await until('it is gone', 15_000, () => !isAlive(work))
  })

  test.each([false, true])(
    'neither does it the process between that is killed, by npm: %s',
    async (byNpm) => {
      const { pidOf, says } = start(untilSignal, { byNpm })
      await says('listening')
      const work = await pidOf('work')
      process.kill(await pidOf('Another Node'), 'SIGKILL')
      await says('asked to end')
      await until('it is gone', 15_000, () => !isAlive(work))
    },
  )
})

test('a decision that the other Node does not share is no chain of Nodes', async () => {
  writeFileSync(
    join(root, 'scripts/house/choose-node.mjs'),
    `const node = { name: 'node-of-tests', version: '99.9.9' }
     export const chooseNode = () => ({ is: 'other', node, line: 'Another Node' })`,
  )
  const { ended, output } = start('')
  expect(await ended).toBe(1)
  expect(output()).toBe('Another Node\nAnother Node\n')
})
