/**
 * Stories of calls under faults, each from one seed. `SIMULATED_SEEDS=1000` runs more of them (CI);
 * `npm run simulate` runs thousands. A seed that failed once is pinned here for good.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { openStoryDatabase, type StoryDatabase } from './database.ts'
import { simulate } from './simulate.ts'

const seeds = Number(process.env['SIMULATED_SEEDS'] ?? 30)

/** Each of them failed once. What a seed tells moves when the simulation itself is changed. */
const pinned = [
  // I5, R48: a read that failed left a member without the room, or a socket without the facts.
  114, 269, 384, 606, 874, 897,
  // R30, R31: a late `room_started` of an old LiveKit room passed for the newer one.
  307, 3987, 3994,
  // R2, R48: a commit of unknown end, and the read that was to tell failed, too.
  5483,
]

let database: StoryDatabase
beforeAll(async () => {
  database = await openStoryDatabase()
})
afterAll(() => database.close())

async function tell(seed: number): Promise<void> {
  await database.empty()
  const { broken, story, title } = await simulate(database.store, seed)
  expect(broken, `seed ${seed}: ${title}\n${story.join('\n')}`).toBeNull()
}

test.each(pinned)('seed %i, which failed once, holds all rules', { timeout: 60_000 }, tell)

test(
  `I1–I7 and everything about ghosts and drops hold in ${seeds} stories`,
  { timeout: 3_600_000 },
  async () => {
    console.info(`simulated seeds: 1 to ${seeds}`)
    for (let seed = 1; seed <= seeds; seed++) await tell(seed)
  },
)

test('the same seed tells the same story', { timeout: 60_000 }, async () => {
  await database.empty()
  const once = await simulate(database.store, 7)
  await database.empty()
  const again = await simulate(database.store, 7)
  expect(again.story).toEqual(once.story)
})
