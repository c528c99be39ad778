/** 1,000 calls of two: memory after they were left alone for a minute, and the time of a restart. */
import { setTimeout } from 'node:timers/promises'
import type { Room } from '../../server/protocol/wire.ts'
import { ask, joinAll, type Member } from '../support/crowd.ts'
import { makePeople, makeRoom, startSeeded } from '../support/seeded.ts'
import { memoryOf } from './after-many-joins.ts'
import { toRow, type GrowthRow } from './row.ts'

const calls = 1_000
const mostMemory = 150 * 1024 * 1024
const mostRestartMs = 1_000

export async function manyCalls(): Promise<GrowthRow[]> {
  let people: Member[] = []
  const rooms = Array.from({ length: calls }, (_, i) => ({
    id: `room${String(i).padStart(4, '0')}`,
  }))
  const server = await startSeeded(async (store) => {
    people = await makePeople(store, 2)
    for (const { id } of rooms) await makeRoom(store, id, people)
  })
  try {
    const [ada] = people
    if (!ada) throw new Error('nobody is there')
    const list = async () => {
      const [answer] = await ask<{ rooms: Room[] }>(server, [
        { method: 'GET', path: '/api/rooms', by: ada },
      ])
      return answer?.rooms.filter(({ call }) => call?.participants.length === 2).length
    }
    const empty = memoryOf(server.pid)
    // An empty server's start, listed once: Node's own and that of the modules.
    const emptyMs = await restart(async () => void (await list()))
    await joinAll(server, rooms, people)
    await setTimeout(60_000)
    const left = memoryOf(server.pid)
    const fullMs = await restart(async () => {
      const shown = await list()
      if (shown !== calls) throw new Error(`${shown} of ${calls} calls are listed after a restart`)
    })
    return [
      toRow({
        what: `resident memory of an empty server, and with ${calls} calls of two, left alone for a minute`,
        unit: 'bytes',
        small: empty,
        large: left,
        limit: { large: mostMemory },
      }),
      toRow({
        what: `start until the list is right: no calls ${emptyMs.toFixed(0)} ms; ${calls} calls take so much more`,
        unit: 'ms',
        small: emptyMs,
        large: Math.max(0.1, fullMs - emptyMs),
        limit: { large: mostRestartMs },
      }),
    ]
  } finally {
    await server.dispose()
  }

  async function restart(until: () => Promise<void>): Promise<number> {
    await server.terminate()
    const began = performance.now()
    await server.start()
    await until()
    return performance.now() - began
  }
}
