/** Runs scenarios one after the other against one media server, and checks every call's reports. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { disposeMediaPeople } from './media-person.ts'
import { newCall, type MediaCall } from './media-call.ts'
import {
  startMediaUnderTest,
  type MediaServerHandle,
  type MediaServerOptions,
  type MediaUnderTest,
} from './media-under-test.ts'
import type { Scenario } from './scenarios/scenario.ts'

/** livekit-server looks after its rooms every ten seconds. */
const roomEndTimeoutMs = 20_000

export function runScenarios(
  start: (options: MediaServerOptions) => Promise<MediaServerHandle>,
  scenarios: Scenario[],
  /** Slow ones, that go on beside the others. */
  beside: Scenario[],
): void {
  let media: MediaUnderTest
  let running: Promise<unknown>[] = []
  const calls = new Map<Scenario, MediaCall>()

  async function run(scenario: Scenario): Promise<void> {
    const call = newCall(media)
    try {
      await scenario.run(call)
      calls.set(scenario, call)
    } finally {
      await call.hangUp()
    }
  }

  beforeAll(async () => {
    media = await startMediaUnderTest(start)
    running = beside.map((scenario) => run(scenario).catch((error: unknown) => error))
  }, 30_000)

  afterAll(async () => {
    await Promise.all(running)
    await disposeMediaPeople()
    await media.close()
  }, 60_000)

  describe('what people do', () => {
    test.for(scenarios.map((scenario) => [scenario.name, scenario] as const))(
      '%s',
      async ([, scenario]) => run(scenario),
    )
    test.for(beside.map(({ name }, index) => [name, index] as const))('%s', async ([, index]) => {
      expect(await running[index]).toBeUndefined()
    })
  })

  describe('what the server reported of it', () => {
    test.for([...scenarios, ...beside].map((scenario) => [scenario.name, scenario] as const))(
      '%s',
      async ([, scenario]) => {
        const call = calls.get(scenario)
        if (!call) throw new Error('it did not run to its end')
        const last = scenario.reports.at(-1)
        if (last !== undefined) await media.webhooks.untilLine(call.room, last, roomEndTimeoutMs)
        expect(inOneOrder(media.webhooks.linesOf(call.room))).toEqual(inOneOrder(scenario.reports))
        expect(media.webhooks.refused).toEqual([])
      },
    )
  })
}

/**
 * livekit-server begins and ends the tracks of somebody who comes or leaves as a whole in any order,
 * and so it does with the people of a room that is deleted.
 */
function inOneOrder(lines: string[]): string[] {
  const ordered: string[] = []
  let alike: string[] = []
  for (const line of lines) {
    if (alike[0]?.split(' ')[0] !== line.split(' ')[0]) {
      ordered.push(...alike.toSorted())
      alike = []
    }
    alike.push(line)
  }
  return [...ordered, ...alike.toSorted()]
}
