/**
 * A call on the embedded media server, with people who replay prepared media from another process:
 * what its media process costs with three of them, how much arrives, and what five people do to the event loop of the web process, beside an idle Node.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { startEmbeddedMedia, type EmbeddedMedia } from '../test/support/embedded-media.ts'
import { tokenFor } from '../test/media/media-under-test.ts'
import type { FromPeople, PacketCount } from './support/media-people.ts'
import { median, percent, rounded, type BenchResult } from './support/result.ts'

const measureMs = 10_000
const mostCpu = 0.3
const leastForwarded = 0.99
const mostDelayMs = 20
/** Of Linux: how /proc counts processor time. */
const ticksPerSecond = 100

export async function benchMedia(): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-bench-media-'))
  const delays = join(folder, 'delay')
  const preload = pathToFileURL(fileURLToPath(new URL('support/loop-delay.ts', import.meta.url)))
  // What is started from here on inherits it.
  process.env['CHATTO_LOOP_DELAY'] = delays
  process.env['NODE_OPTIONS'] = `--import tsx --import ${preload.href}`
  const media = await startEmbeddedMedia()
  const idle = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'])
  delete process.env['NODE_OPTIONS']
  delete process.env['CHATTO_LOOP_DELAY']
  try {
    const idleCpu = await cpuOf(media.mediaPid)
    const three = await withPeople(media, 3, async (count) => {
      const before = await count()
      const cpu = await cpuOf(media.mediaPid)
      const after = await count()
      const perSecond = (after.received - before.received) / (measureMs / 1000)
      return {
        cpu,
        perSecond,
        forwarded: shareForwarded(before, after, 3),
      }
    })
    const five = await withPeople(media, 5, async () => {
      await pause()
      return {
        web: lastDelays(`${delays}.${media.webPid}`),
        idle: lastDelays(`${delays}.${idle.pid ?? 0}`),
      }
    })
    const cpu = three.cpu - idleCpu
    const moreDelay = five.web - five.idle
    return {
      lines: [
        `three people who replay sound and pictures (1 Mbit/s each): ${percent(cpu)} of a core in the media process (idle ${percent(idleCpu)})`,
        `packets that arrived of those sent: ${(three.forwarded * 100).toFixed(2)} %, ${rounded(three.perSecond)} a second`,
        `five people: event loop delay of the web process, p99: ${five.web.toFixed(1)} ms; idle Node ${five.idle.toFixed(1)} ms`,
      ],
      limit: `below ${percent(mostCpu)} of a core, at least ${percent(leastForwarded)} arrive, at most ${mostDelayMs} ms more delay than idle`,
      isFine: cpu < mostCpu && three.forwarded >= leastForwarded && moreDelay <= mostDelayMs,
    }
  } finally {
    idle.kill('SIGKILL')
    await media.dispose()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function withPeople<T>(
  media: EmbeddedMedia,
  howMany: number,
  measure: (count: () => Promise<PacketCount>) => Promise<T>,
): Promise<T> {
  const room = `bench-${howMany}`
  const tokens = await Promise.all(
    Array.from({ length: howMany }, (_, i) => tokenFor(media, room, `person${i}`)),
  )
  const script = fileURLToPath(new URL('support/media-people.ts', import.meta.url))
  const people = fork(script, [media.url, ...tokens], {
    execArgv: ['--import', 'tsx'],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  try {
    await answer(people)
    return await measure(async () => {
      people.send('count')
      const said = await answer(people)
      if (!('counted' in said)) throw new Error('no count')
      return said.counted
    })
  } finally {
    people.kill('SIGKILL')
  }
}

function answer(child: ChildProcess): Promise<FromPeople> {
  return new Promise((resolve, reject) => {
    child.once('message', (message) => {
      resolve(message as FromPeople)
    })
    child.once('exit', (code) => {
      reject(new Error(`the people’s process ended with ${String(code)}`))
    })
  })
}

/** Everybody's packets go to everybody else. */
function shareForwarded(before: PacketCount, after: PacketCount, people: number): number {
  return (after.received - before.received) / ((after.sent - before.sent) * (people - 1))
}

/** Share of one core over the time of a measurement. */
async function cpuOf(pid: number): Promise<number> {
  const before = cpuTicks(pid)
  const began = performance.now()
  await pause()
  const seconds = (performance.now() - began) / 1000
  return (cpuTicks(pid) - before) / ticksPerSecond / seconds
}

function cpuTicks(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name in brackets may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

function lastDelays(file: string): number {
  const lines = readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .slice(-(measureMs / 1000))
  return median(lines.map(Number))
}

const pause = () => new Promise((resolve) => setTimeout(resolve, measureMs))
