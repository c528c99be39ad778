/**
 * `npm run simulate -- --seeds 10000 [--seed N] [--workers N]`: stories of calls under faults, each
 * from one seed (test/simulation/). A failing seed prints its story; `--seed N` tells that one alone.
 */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

interface Told {
  seed: number
  title: string
  broken: { rule: string; what: string } | null
  story?: string[]
  events: { commits: number; facts: number; generations: number; simulatedMs: number }
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    first: { type: 'string', default: '1' },
    seed: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
  },
})
const first = Number(values.seed ?? values.first)
const last = values.seed === undefined ? first + Number(values.seeds) - 1 : first
const workers = Math.min(Number(values.workers), last - first + 1)

const program = fileURLToPath(new URL('../test/simulation/run-seeds.ts', import.meta.url))
const say = (text: string) => process.stdout.write(`${text}\n`)
const began = Date.now()
const total = { stories: 0, commits: 0, restarts: 0, simulatedMs: 0 }
const failed: number[] = []

function take(told: Told): void {
  total.stories += 1
  total.commits += told.events.commits
  total.restarts += told.events.generations - 1
  total.simulatedMs += told.events.simulatedMs
  if (told.broken || values.seed !== undefined) {
    say(`\n── seed ${told.seed}: ${told.title}`)
    told.story?.forEach(say)
  }
  if (told.broken) {
    failed.push(told.seed)
    say(`── seed ${told.seed} broke ${told.broken.rule}: ${told.broken.what}`)
  } else if (total.stories % 500 === 0) {
    say(`${total.stories} stories`)
  }
}

/** One process for each core, each with a database of its own. */
async function runWorker(number: number): Promise<void> {
  const args = ['--import', 'tsx', program, '--from', String(first + number), '--to', String(last)]
  if (values.seed !== undefined) args.push('--story')
  const child = spawn(process.execPath, [...args, '--step', String(workers)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = new Promise<number | string | null>((resolve) =>
    child.on('close', (code, signal) => resolve(signal ?? code)),
  )
  for await (const line of createInterface({ input: child.stdout })) take(JSON.parse(line) as Told)
  const code = await ended
  if (code !== 0) throw new Error(`a worker ended with ${code}`)
}

say(`seeds ${first} to ${last}, ${workers} at once`)
await Promise.all(Array.from({ length: workers }, (_, number) => runWorker(number)))
const seconds = (Date.now() - began) / 1000
say(
  `\n${total.stories} stories in ${seconds.toFixed(0)} s (${(total.stories / seconds).toFixed(1)} a second): ` +
    `${(total.simulatedMs / 3_600_000).toFixed(0)} hours of calls, ${total.commits} commits, ${total.restarts} restarts`,
)
if (failed.length > 0) {
  say(`broken: ${failed.join(', ')} — npm run simulate -- --seed ${failed[0]} tells it again`)
  process.exitCode = 1
}
