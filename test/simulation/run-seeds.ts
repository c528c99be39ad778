/**
 * Runs many stories one after the other; `scripts/simulate.ts` starts one such process for each core.
 * `--from A --to B --step N`; prints one JSON line for each story.
 */
import { parseArgs } from 'node:util'
import { openStoryDatabase } from './database.ts'
import { plantedBugs } from './planted-bugs.ts'
import type { Planted } from './server.ts'
import { simulate } from './simulate.ts'

const { values } = parseArgs({
  options: {
    from: { type: 'string', default: '1' },
    to: { type: 'string', default: '100' },
    step: { type: 'string', default: '1' },
    story: { type: 'boolean', default: false },
    plant: { type: 'string' },
  },
})

/** `--plant 'drop the sid check'`: stops at the first story that finds it. */
const planted = new Map<string, Planted>(Object.entries(plantedBugs)).get(values.plant ?? '')

void (async () => {
  const database = await openStoryDatabase()
  for (let seed = Number(values.from); seed <= Number(values.to); seed += Number(values.step)) {
    await database.empty()
    const { story, ...outcome } = await simulate(database.store, seed, planted)
    const told = outcome.broken || values.story ? { ...outcome, story } : outcome
    process.stdout.write(`${JSON.stringify(told)}\n`)
    if (values.plant !== undefined && outcome.broken) break
  }
  await database.close()
})()
