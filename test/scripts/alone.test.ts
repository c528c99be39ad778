/** Installing and building: one command at a time in a folder, as processes of their own. */
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL, fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { until } from '../support/until.ts'

const house = pathToFileURL(fileURLToPath(new URL('../../scripts/house/', import.meta.url))).href
const waiting = 'Another npm start or npm test installs or builds here: waiting for it …\n'

let root: string
let commands: ChildProcess[]
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'chatto-alone-'))
  commands = []
})
afterEach(() => {
  for (const command of commands) command.kill('SIGKILL')
  rmSync(root, { recursive: true })
})

/** A command that works alone until the file `NAME-may-end` is there, and writes down when it begins and ends. */
function begin(name: string, { abandonedAfterMs = 60_000, early = '' } = {}) {
  const program = `
    import { appendFileSync, existsSync } from 'node:fs'
    import { aloneIn } from '${house}alone.mjs'
    import { endWith, run } from '${house}run.mjs'
    const wait = "import { appendFileSync, existsSync } from 'node:fs'; appendFileSync('story', '${name} begins\\\\n'); const t = setInterval(() => (existsSync('${name}-may-end') || !existsSync('story')) && process.exit(0), 10)"
    await endWith(() => aloneIn(${JSON.stringify(root)}, async () => {
      ${early}
      await run(process.execPath, ['--input-type=module', '-e', wait])
      appendFileSync('story', '${name} ends\\n')
    }, ${abandonedAfterMs}))`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { cwd: root })
  commands.push(child)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => (output += chunk.toString()))
  }
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  return {
    child,
    ended,
    output: () => output,
    waits: () => until(`${name} says that it waits`, 15_000, () => output.includes(waiting)),
    mayEnd: () => writeFileSync(join(root, `${name}-may-end`), ''),
  }
}

const story = () =>
  existsSync(join(root, 'story'))
    ? readFileSync(join(root, 'story'), 'utf8').trim().split('\n')
    : []
const tells = (line: string) => until(line, 15_000, () => story().includes(line))

test('the second waits for the first, says so once, and then goes on', async () => {
  const first = begin('first')
  await tells('first begins')
  const second = begin('second')
  await second.waits()
  expect(story()).toEqual(['first begins'])
  second.mayEnd()
  first.mayEnd()
  expect([await first.ended, await second.ended]).toEqual([0, 0])
  expect(story()).toEqual(['first begins', 'first ends', 'second begins', 'second ends'])
  expect(first.output()).toBe('')
  expect(second.output()).toBe(waiting)
})

test('one that is ended by a signal, with what it runs, holds up nobody', async () => {
  const first = begin('first')
  await tells('first begins')
  first.child.kill('SIGTERM')
  expect(await first.ended).toBe(128 + 15)
  const second = begin('second')
  second.mayEnd()
  expect(await second.ended).toBe(0)
  expect(story()).toEqual(['first begins', 'second begins', 'second ends'])
  expect(second.output()).toBe('')
})

test('neither does one that is ended between two of what it runs', async () => {
  const first = begin('first', {
    early: `appendFileSync('story', 'first thinks\\n'); await new Promise(() => {})`,
  })
  await tells('first thinks')
  first.child.kill('SIGTERM')
  await first.ended
  expect(first.child.signalCode).toBe('SIGTERM')
  const second = begin('second')
  second.mayEnd()
  expect(await second.ended).toBe(0)
  expect(second.output()).toBe('')
})

test('one that was killed is waited for until it is plain that it does nothing any more', async () => {
  const first = begin('first')
  await tells('first begins')
  first.child.kill('SIGKILL')
  const others = ['second', 'third'].map((name) => begin(name, { abandonedAfterMs: 1_500 }))
  for (const { mayEnd } of others) mayEnd()
  expect(await Promise.all(others.map(({ ended }) => ended))).toEqual([0, 0])
  expect(others.map(({ output }) => output())).toEqual([waiting, waiting])
  // One after the other, in either order.
  const [, ...rest] = story()
  expect(rest[0]?.replace('begins', 'ends')).toBe(rest[1])
  expect(rest[2]?.replace('begins', 'ends')).toBe(rest[3])
})

test('one that works for long is not taken for a dead one', async () => {
  const first = begin('first')
  await tells('first begins')
  const second = begin('second', { abandonedAfterMs: 1_500 })
  const lock = join(root, '.cache/lock')
  const seen = new Set<string>()
  await until('the first shows five times that it lives', 15_000, () => {
    seen.add(readFileSync(lock, 'utf8'))
    return seen.size >= 5
  })
  expect(story()).toEqual(['first begins'])
  second.mayEnd()
  first.mayEnd()
  expect([await first.ended, await second.ended]).toEqual([0, 0])
})

test('a folder that takes no lock is told in one line', async () => {
  writeFileSync(join(root, '.cache'), '')
  const { ended, output } = begin('first')
  expect(await ended).toBe(1)
  expect(output()).toBe(
    `${join(root, '.cache')} cannot be written (EEXIST: file already exists, mkdir '${join(root, '.cache')}')\n`,
  )
})

test('what is left of a lock that was never filled holds up nobody for good', async () => {
  mkdirSync(join(root, '.cache'))
  writeFileSync(join(root, '.cache/lock'), '')
  const first = begin('first', { abandonedAfterMs: 300 })
  first.mayEnd()
  expect(await first.ended).toBe(0)
})
