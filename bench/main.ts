/**
 * `npm run bench [NAME…]`: performance as ratios to a peer that is measured in the same run, with the
 * load in a process of its own; medians of five interleaved rounds. Fails when a ratio is below its limit.
 */
import { benchFanOut } from './fan-out.ts'
import { benchGrowth } from './growth.ts'
import { benchJoins } from './joins.ts'
import { benchSlowLine } from './media-slow-line.ts'
import { benchMedia } from './media.ts'
import type { BenchResult } from './support/result.ts'
import { benchWebhooks } from './webhooks.ts'

const benches: Record<string, () => Promise<BenchResult>> = {
  webhooks: benchWebhooks,
  'fan-out': benchFanOut,
  joins: benchJoins,
  growth: benchGrowth,
  media: benchMedia,
  'media-slow-line': benchSlowLine,
}

const wanted = process.argv.slice(2)
const isWanted = (name: string) =>
  wanted.length === 0 || wanted.some((one) => name === one || name.startsWith(`${one}-`))
const unknown = wanted.find((name) => !(name in benches))
if (unknown) {
  process.stderr.write(`no such bench: ${unknown}; there are ${Object.keys(benches).join(', ')}\n`)
  process.exit(1)
}

let failed = 0
for (const [name, run] of Object.entries(benches)) {
  if (!isWanted(name)) continue
  process.stdout.write(`\n${name} …\n`)
  const { lines, isFine, limit } = await run()
  for (const line of lines) process.stdout.write(`  ${line}\n`)
  process.stdout.write(`  ${isFine ? 'fine' : 'TOO SLOW'}: ${limit}\n`)
  if (!isFine) failed += 1
}
process.exit(failed === 0 ? 0 : 1)
