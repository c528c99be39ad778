/** A join into a call in which 10,000 joins came and went, beside one into a fresh call. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { ask, type Member } from '../support/crowd.ts'
import { median } from '../support/result.ts'
import { makePeople, makeRoom, startSeeded } from '../support/seeded.ts'
import { toRow, type GrowthRow } from './row.ts'

const joins = 10_000
const crowd = 200
const rounds = 60
const mostTimes = 1.3
/** What they may leave in memory, once the server was left alone for a minute. */
const mostMemory = 16 * 1024 * 1024

export async function afterManyJoins(): Promise<GrowthRow[]> {
  let people: Member[] = []
  const server = await startSeeded(async (store) => {
    people = await makePeople(store, crowd + 2)
    for (const room of ['fresh', 'old']) await makeRoom(store, room, people)
  })
  try {
    const [stays, guest, ...others] = people
    if (!stays || !guest) throw new Error('nobody is there')
    const enter = async (roomId: string, by: Member) => {
      const path = `/api/rooms/${roomId}/call/join`
      const [joined] = await ask<{ callId: string }>(server, [{ method: 'POST', path, by }])
      return joined?.callId ?? ''
    }
    const leave = (roomId: string, callId: string, by: Member) =>
      ask(server, [
        { method: 'POST', path: `/api/rooms/${roomId}/call/leave`, by, body: { callId } },
      ])
    await enter('fresh', stays)
    const callId = await enter('old', stays)
    const before = { memory: memoryOf(server.pid), file: fileSizeOf(server.folder) }
    for (let done = 0; done < joins; done += others.length) {
      const all = { path: '/api/rooms/old/call/join', method: 'POST' }
      await ask(
        server,
        others.map((by) => ({ ...all, by })),
      )
      const path = '/api/rooms/old/call/leave'
      await ask(
        server,
        others.map((by) => ({ method: 'POST', path, by, body: { callId } })),
      )
    }
    const after = { file: fileSizeOf(server.folder) }
    const times: Record<'fresh' | 'old', number[]> = { fresh: [], old: [] }
    for (let i = 0; i < rounds; i++) {
      for (const room of ['fresh', 'old'] as const) {
        const began = performance.now()
        const joined = await enter(room, guest)
        times[room].push(performance.now() - began)
        await leave(room, joined, guest)
      }
    }
    await setTimeout(60_000)
    return [
      toRow({
        what: `a join into a fresh call and into one in which ${joins} joins came and went`,
        unit: 'ms',
        small: median(times.fresh),
        large: median(times.old),
        limit: { ratio: mostTimes },
      }),
      toRow({
        what: 'resident memory before those joins, and what is left of them after a minute',
        unit: 'bytes',
        small: before.memory,
        large: Math.max(1, memoryOf(server.pid) - before.memory),
        limit: { large: mostMemory },
      }),
      toRow({
        what: 'database before those joins, and what each of them added (its facts, steps and receipts)',
        unit: 'bytes',
        small: before.file,
        large: (after.file - before.file) / joins,
        limit: { large: 8_192 },
      }),
    ]
  } finally {
    await server.dispose()
  }
}

export function memoryOf(pid: number): number {
  const [, kilobytes = '0'] =
    /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

const fileSizeOf = (folder: string) => statSync(join(folder, 'chatto.db')).size
