/** The simulation finds fourteen bugs that are put in on purpose, each within 1,000 seeds. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStoryDatabase, type StoryDatabase } from './database.ts'
import { plantedBugs, type PlantedBug } from './planted-bugs.ts'
import { simulate } from './simulate.ts'

/** Where it was found first: tried before all others, which saves time and proves no less. */
const foundAt: Record<PlantedBug, number> = {
  'drop the sid check': 34,
  'trust a listing begun before the deadline': 22,
  'forget a deadline on restart': 46,
  'acknowledge before commit': 1,
  'guess on an ambiguous error': 31,
  'take a closing page for a leave': 1,
  'read membership before the mailbox': 586,
  'accept a shut-out connection id': 69,
  'wait by the machine’s clock': 41,
  'answer a webhook before it is stored': 5,
  'do not ask for a gap': 62,
  'take a fact twice': 51,
  'give up at the first passing refusal': 15,
  'forget a join that was answered late': 53,
}

let database: StoryDatabase
beforeAll(async () => {
  database = await openStoryDatabase()
})
afterAll(() => database.close())

test.each(Object.entries(foundAt) as [PlantedBug, number][])(
  'it finds: %s (seed %i)',
  { timeout: 600_000 },
  async (bug, first) => {
    const seeds = [first, ...Array.from({ length: 1_000 }, (_, i) => i + 1)]
    for (const seed of seeds) {
      await database.empty()
      const { broken, story } = await simulate(database.store, seed, plantedBugs[bug])
      if (!broken) continue
      // What was under way in that very moment may be told after it.
      const told = story.findLast((line) => line.includes('BROKEN'))
      expect(told).toContain(`${broken.rule}: ${broken.what}`)
      if (seed !== first) console.info(`${bug}: now found at seed ${seed}`)
      return
    }
    expect.fail(`not found in ${seeds.length - 1} seeds`)
  },
)
