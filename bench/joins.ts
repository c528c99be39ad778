/**
 * Joins: 256 people into one empty room at once, all kept; then 10,000 into calls of 32, 64 at once, beside
 * what no join can do without: a signed token and a commit of the same rows.
 */
import { AccessToken } from 'livekit-server-sdk'
import type { Call } from '../server/protocol/wire.ts'
import { ask, joinAll, type Member } from './support/crowd.ts'
import { median, percent, rounded, type BenchResult } from './support/result.ts'
import { makePeople, makeRoom, startSeeded } from './support/seeded.ts'
import { rawCommits } from './support/raw-commits.ts'

const people = 256
/** In each of the many calls. */
const inACall = 32
const roomsARound = 64
const rounds = 5
const least = 1_200

export async function benchJoins(): Promise<BenchResult> {
  let crowd: Member[] = []
  const rooms = Array.from({ length: 1 + roomsARound * rounds }, (_, i) => ({ id: `room${i}` }))
  const server = await startSeeded(async (store) => {
    crowd = await makePeople(store, people)
    for (const { id } of rooms) await makeRoom(store, id, crowd)
  })
  try {
    const [first, ...others] = rooms
    const [somebody] = crowd
    if (!first || !somebody) throw new Error('there is no room')
    const began = performance.now()
    const joins = await joinAll(server, [first], crowd, people)
    const ms = performance.now() - began
    const [call] = await ask<Call>(server, [
      { method: 'GET', path: `/api/rooms/${first.id}/call`, by: somebody },
    ])
    const callIds = new Set(joins.map((join) => join.callId))
    const kept = call?.participants.length ?? 0

    const ours: number[] = []
    const bare: number[] = []
    for (let round = 0; round < rounds; round++) {
      const mine = others.slice(round * roomsARound, (round + 1) * roomsARound)
      const start = performance.now()
      const answers = await joinAll(server, mine, crowd.slice(0, inACall), 64)
      ours.push(answers.length / ((performance.now() - start) / 1000))
      const commits = await rawCommits(`${server.folder}/chatto.db`, answers.length, 64)
      const tokens = await tokensPerSecond(500)
      bare.push(1 / (1 / commits + 1 / tokens))
    }
    const perSecond = median(ours)
    return {
      lines: [
        `${joins.length} joins answered in ${rounded(ms)} ms, ${callIds.size} call, ${kept} people in it`,
        'the best existing system keeps 12 of 256',
        `64 at once: ${rounded(perSecond)} joins a second (${ours.map(rounded).join(', ')}), none refused`,
        `a bare signed token and a raw commit: ${rounded(median(bare))} a second; ratio ${percent(perSecond / median(bare))}`,
      ],
      limit: `all are kept in one call, none is refused, at least ${least} a second`,
      isFine: kept === people && callIds.size === 1 && perSecond >= least,
    }
  } finally {
    await server.dispose()
  }
}

/** LiveKit's own SDK, with the grants of a join. */
async function tokensPerSecond(count: number): Promise<number> {
  const began = performance.now()
  for (let i = 0; i < count; i++) {
    const token = new AccessToken('key', 'a-secret-of-benches-only-0123456789', {
      identity: `p${i}:c${i}`,
      ttl: 300,
    })
    token.addGrant({ roomJoin: true, room: 'inst.room@call', canPublish: true, canSubscribe: true })
    await token.toJwt()
  }
  return count / ((performance.now() - began) / 1000)
}
