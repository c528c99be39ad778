/** A join and a leave in a call of 5 and in one of 500: the time of each, and the bytes that are written. */
import { statSync } from 'node:fs'
import { join } from 'node:path'
import sqlite3 from 'sqlite3'
import { ask, joinAll, type Member } from '../support/crowd.ts'
import { median } from '../support/result.ts'
import { makePeople, makeRoom, startSeeded } from '../support/seeded.ts'
import { toRow, type GrowthRow } from './row.ts'

const sizes = { small: 5, large: 500 } as const
const rounds = 40
const mostTimes = 2

export async function oneEvent(): Promise<GrowthRow[]> {
  let people: Member[] = []
  const server = await startSeeded(async (store) => {
    people = await makePeople(store, sizes.large + 1)
    for (const room of ['small', 'large']) await makeRoom(store, room, people)
  })
  try {
    const guest = people.at(-1)
    if (!guest) throw new Error('nobody is there')
    const rooms = { small: { id: 'small' }, large: { id: 'large' } }
    for (const size of ['small', 'large'] as const) {
      await joinAll(server, [rooms[size]], people.slice(0, sizes[size]))
    }

    /** Milliseconds of a join and the leave after it. */
    async function comeAndGo(roomId: string): Promise<number> {
      const path = `/api/rooms/${roomId}/call`
      const began = performance.now()
      const [joined] = await ask<{ callId: string }>(server, [
        { method: 'POST', path: `${path}/join`, by: guest as Member },
      ])
      const body = { callId: joined?.callId }
      await ask(server, [{ method: 'POST', path: `${path}/leave`, by: guest as Member, body }])
      return performance.now() - began
    }

    const times: Record<keyof typeof sizes, number[]> = { small: [], large: [] }
    for (let i = 0; i < rounds; i++) {
      for (const size of ['small', 'large'] as const) times[size].push(await comeAndGo(size))
    }
    const bytes: Record<keyof typeof sizes, number[]> = { small: [], large: [] }
    const file = join(server.folder, 'chatto.db')
    for (let i = 0; i < 5; i++) {
      for (const size of ['small', 'large'] as const) {
        await truncateWal(file)
        for (let n = 0; n < 10; n++) await comeAndGo(size)
        bytes[size].push(statSync(`${file}-wal`).size / 20)
      }
    }
    const what = `in a call of ${sizes.small} and of ${sizes.large}`
    return [
      toRow({
        what: `a join and a leave ${what}`,
        unit: 'ms',
        small: median(times.small),
        large: median(times.large),
        limit: { ratio: mostTimes },
      }),
      toRow({
        what: `bytes written by one event ${what}`,
        unit: 'bytes',
        small: median(bytes.small),
        large: median(bytes.large),
        limit: { ratio: mostTimes },
      }),
    ]
  } finally {
    await server.dispose()
  }
}

/** From then on the log's length is what was written. */
function truncateWal(file: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const database = new sqlite3.Database(file)
    database.exec('pragma busy_timeout = 5000; pragma wal_checkpoint(truncate)', (error) => {
      database.close(() => (error ? reject(error) : resolve()))
    })
  })
}
