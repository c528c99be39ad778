/** 256 people join one empty room at once: all are kept, none is refused. */
import type { Call } from '../server/protocol/wire.ts'
import { ask, joinAll, makeRooms, signUp, startBenchServer } from './support/crowd.ts'
import { rounded, type BenchResult } from './support/result.ts'

const people = 256

export async function benchJoins(): Promise<BenchResult> {
  const server = await startBenchServer()
  try {
    const crowd = await signUp(
      server,
      Array.from({ length: people }, (_, i) => `person${i}`),
    )
    const [room] = await makeRooms(server, crowd, 1)
    const [first] = crowd
    if (!room || !first) throw new Error('there is no room')
    const began = performance.now()
    const joins = await joinAll(server, [room], crowd, people)
    const ms = performance.now() - began
    const [call] = await ask<Call>(server, [
      { method: 'GET', path: `/api/rooms/${room.id}/call`, by: first },
    ])
    const callIds = new Set(joins.map((join) => join.callId))
    const kept = call?.participants.length ?? 0
    return {
      lines: [
        `${joins.length} joins answered in ${rounded(ms)} ms, ${callIds.size} call, ${kept} people in it`,
        'the best existing system keeps 12 of 256',
      ],
      limit: 'all are kept in one call, none is refused',
      isFine: kept === people && callIds.size === 1,
    }
  } finally {
    await server.dispose()
  }
}
