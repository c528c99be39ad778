/** A stranger's refusal in a room with a long history and many members, beside one in an empty room. */
import { flood, toRequest } from '../support/flood.ts'
import { portOf, type Member } from '../support/crowd.ts'
import { median } from '../support/result.ts'
import { fillRoom, makePeople, makeRoom, startSeeded } from '../support/seeded.ts'
import { toRow, type GrowthRow } from './row.ts'

const members = 3_000
const messages = 20_000
const rounds = 100
const mostTimes = 1.5

export async function refusals(): Promise<GrowthRow[]> {
  let people: Member[] = []
  let strangers: Member[] = []
  const server = await startSeeded(async (store) => {
    people = await makePeople(store, members)
    strangers = await makePeople(store, 1, 'stranger')
    await makeRoom(store, 'empty', people.slice(0, 1))
    await makeRoom(store, 'busy', people)
    await fillRoom(store, 'busy', people[0]?.user.id ?? '', messages)
  })
  try {
    const [stranger] = strangers
    if (!stranger) throw new Error('nobody is there')
    const headers = {
      authorization: `Bearer ${stranger.token}`,
      'content-type': 'application/json',
    }
    const requests = {
      'join its call': (room: string) =>
        toRequest('POST', `/api/rooms/${room}/call/join`, headers, '{}'),
      'write into it': (room: string) =>
        toRequest('POST', `/api/rooms/${room}/messages`, headers, '{"text":"let me in"}'),
    }
    const rows: GrowthRow[] = []
    for (const [what, request] of Object.entries(requests)) {
      const times: Record<'empty' | 'busy', number[]> = { empty: [], busy: [] }
      for (let i = 0; i < rounds; i++) {
        for (const room of ['empty', 'busy'] as const) {
          const { ms, answers } = await flood(portOf(server), [request(room)], 1)
          if (answers[0]?.status !== 403) throw new Error(`not refused: ${answers[0]?.body}`)
          times[room].push(ms)
        }
      }
      rows.push(
        toRow({
          what: `403 for a stranger who wants to ${what}: an empty room, and ${messages} messages and ${members} members`,
          unit: 'ms',
          small: median(times.empty),
          large: median(times.busy),
          limit: { ratio: mostTimes },
        }),
      )
    }
    return rows
  } finally {
    await server.dispose()
  }
}
