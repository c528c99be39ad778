/**
 * `npm start` and `npm test` as a newcomer runs them, on the Nodes that newcomers have and on two
 * Debians: the program comes up, carries a call, and ends. The very first one installs everything.
 */
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { register } from '../support/api-person.ts'
import { findFreePort } from '../support/free-port.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../support/rtc-person.ts'
import { fetchOk, until } from '../support/until.ts'
import { makeDebian13, thisMachine, type Machine } from './machine.ts'

/** Debian's packages, two Nodes, ours, and a database driver that is compiled: on a busy machine. */
const firstTimeMs = 15 * 60_000
const startMs = 3 * 60_000
const callMs = 2 * 60_000
const testsMs = 10 * 60_000
const stopMs = 15_000

let debian13: Machine
const here = thisMachine()
const hasNewGlibc = Number(here.glibc.split('.')[1]) >= 38

beforeAll(() => {
  debian13 = makeDebian13()
}, firstTimeMs)
afterAll(disposeRtc)

let running: ChildProcess[] = []
afterEach(() => {
  for (const { pid } of running) killAll(pid)
  running = []
})

/** With whatever it started: nobody else tells them when npm is killed. */
function killAll(pid: number | undefined): void {
  try {
    if (pid) process.kill(-pid, 'SIGKILL')
  } catch {
    // All are gone.
  }
}

function begin(machine: Machine, node: number, args: string[]) {
  const child = machine.spawn(node, 'npm', args)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  }
  const state = { ended: false }
  const code = new Promise<number | null>((resolve) => {
    child.once('close', (ended) => {
      state.ended = true
      resolve(ended)
    })
  })
  running.push(child)
  return { child, code, state, output: () => output }
}

/** The major version of the Node that says that it runs instead; null when it is the one that was found. */
const otherNodeOf = (output: string) =>
  Number(/, so this is Node (\d+)\.\d+\.\d+ from \.cache /.exec(output)?.[1]) || null

/** `npm start`, a call of two who hear each other, SIGTERM. */
async function startCallStop(machine: Machine, node: number, runsOn: number, withinMs: number) {
  const port = await findFreePort()
  const folder = `data/test-nodes-${port}`
  const config = join(folder, 'chatto.toml')
  mkdirSync(join(machine.checkout, folder), { recursive: true })
  writeFileSync(
    join(machine.checkout, config),
    `[webserver]\nport = ${port}\n[livekit]\nembedded = true\n`,
  )
  const url = `http://127.0.0.1:${port}`
  const people: RtcPerson[] = []
  const server = begin(machine, node, ['start', '--', '--config', machine.inside(config)])
  try {
    await until('it is on', withinMs, () => {
      if (server.state.ended) throw new Error('npm start has ended')
      return server.output().includes(`Chatto Calls is on:  http://localhost:${port}`)
    })
    expect(otherNodeOf(server.output())).toBe(runsOn === node ? null : runsOn)
    const metrics = await (await fetch(`${url}/metrics`)).text()
    expect(/nodejs_version_info\{version="v(\d+)\./.exec(metrics)?.[1]).toBe(String(runsOn))

    const [ada, bo] = [await register(url, 'ada'), await register(url, 'bo')]
    const { id: roomId } = await ada.createRoom('kitchen')
    await ada.addMember(roomId, bo)
    const first = await joinAsPerson(await ada.join(roomId))
    people.push(first)
    const second = await joinAsPerson(await bo.join(roomId))
    people.push(second)
    await first.playTone(440)
    await second.untilHears(first.identity, 440)
    await until('both are shown', stopMs, async () => {
      const shown = await ada.shown(roomId)
      return shown.includes('ada connected') && shown.includes('bo connected')
    })
    for (const person of people.splice(0)) await person.leave()

    server.child.kill('SIGTERM')
    await server.code
    await until('the server is gone, too', stopMs, async () => !(await fetchOk(`${url}/healthz`)))
  } catch (error) {
    throw new Error(`npm start said:\n${server.output()}`, { cause: error })
  } finally {
    for (const person of people) await person.leave().catch(() => undefined)
    rmSync(join(machine.checkout, folder), { recursive: true, force: true })
  }
}

/** Gives how many tests passed; all have to. */
async function runTests(machine: Machine, node: number, runsOn: number, files: string[] = []) {
  const tests = begin(machine, node, ['test', ...(files.length > 0 ? ['--', ...files] : [])])
  const code = await tests.code
  const output = tests.output()
  expect(code, output.slice(-20_000)).toBe(0)
  expect(otherNodeOf(output)).toBe(runsOn === node ? null : runsOn)
  return Number(/Tests +(\d+) passed/.exec(output)?.[1])
}

/** Loads uWebSockets, SQLite and the argon2 binary. */
const someTests = ['test/server/http/accounts.test.ts']

describe('Debian 13', () => {
  test(
    'Node 26: a fresh clone installs, builds and starts on Node 24, carries a call, and ends',
    { timeout: firstTimeMs + callMs },
    () => startCallStop(debian13, 26, 24, firstTimeMs),
  )

  test('Node 26: npm test runs on Node 24', { timeout: testsMs }, async () => {
    expect(await runTests(debian13, 26, 24, someTests)).toBeGreaterThan(0)
  })

  test('Node 24: all of npm test', { timeout: testsMs }, async () => {
    expect(await runTests(debian13, 24, 24)).toBeGreaterThan(1300)
  })

  for (const node of [24, 22, 20]) {
    test(`Node ${node} runs it itself: start, call, stop`, { timeout: startMs + callMs }, () =>
      startCallStop(debian13, node, node, startMs),
    )
  }

  for (const node of [22, 20]) {
    test(`Node ${node}: npm test`, { timeout: testsMs }, async () => {
      expect(await runTests(debian13, node, node, someTests)).toBeGreaterThan(0)
    })
  }
})

describe(`this machine, with glibc ${here.glibc}`, () => {
  for (const node of [26, 24, 22, 20]) {
    const newest = node === 26 ? 24 : node
    const runsOn = hasNewGlibc ? newest : 20
    // Whoever is first fetches that Node.
    test(
      `Node ${node} runs it on Node ${runsOn}: start, call, stop`,
      { timeout: firstTimeMs + callMs },
      () => startCallStop(here, node, runsOn, firstTimeMs),
    )

    test(`Node ${node}: npm test on Node ${runsOn}`, { timeout: testsMs }, async () => {
      expect(await runTests(here, node, runsOn, someTests)).toBeGreaterThan(0)
    })
  }
})
