import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Health } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'

let app: RunningApp
let ada: Person
let bo: Person

beforeAll(async () => {
  app = await runApp({ env: { CHATTO_LIVEKIT_URL: 'ws://lk.example:7880' } })
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
})
afterAll(() => app.close())

const told = async () => {
  const { troubles } = await ada.get<Health>('/api/admin/health')
  return troubles.filter(({ code }) => code.startsWith('join-'))
}

test.each([
  ['livekit-unreachable', 'livekit', 'could not reach LiveKit at ws://lk.example:7880'],
  ['media-blocked', 'network', 'UDP ports'],
])(
  'R54 Bo’s page gives its join up (%s): log and health say so, until somebody is up',
  async (failed, part, text) => {
    const room = await bo.makeRoom('Bridge')
    const { callId, connectionId } = await bo.join(room)
    const before = app.logLines.length
    await bo.post(`/api/rooms/${room.id}/call/leave`, { callId, connectionId, failed })
    expect(await told()).toMatchObject([{ part, message: expect.stringContaining(text) }])
    const lines = app.logLines.slice(before).filter((line) => line.includes(`"join-${failed}"`))
    expect(lines).toHaveLength(1)
    const again = await bo.join(room)
    await app.report({ event: 'participant_joined', join: again })
    expect(await told()).toEqual([])
  },
)

test('R54 who is in no call tells the operator nothing', async () => {
  const room = await bo.makeRoom('Cellar')
  await bo.post(`/api/rooms/${room.id}/call/leave`, {
    callId: 'no-call',
    failed: 'livekit-unreachable',
  })
  expect(await told()).toEqual([])
})
