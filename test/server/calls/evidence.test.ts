import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CallEvidence } from '../../../server/protocol/wire.ts'
import { runApp, type Person, type RunningApp } from '../../support/running-app.ts'

let app: RunningApp
let ada: Person
let bo: Person
beforeAll(async () => {
  app = await runApp()
  ada = await app.signUp('ada')
  bo = await app.signUp('bo')
})
afterAll(() => app.close())

test('R32 the admin sees why each person is shown so: step, source, how long ago', async () => {
  const room = await ada.makeRoom('Harbour')
  await bo.enter(room)
  const adas = await ada.join(room)
  const bos = await bo.join(room)
  await app.report({ event: 'participant_joined', join: adas })
  await app.report({ event: 'participant_joined', join: bos })
  await app.report({ event: 'participant_left', join: bos, reason: 'CLIENT_INITIATED' })

  const { calls } = await ada.get<{ calls: { callId: string; steps: number }[] }>(
    '/api/admin/calls',
  )
  expect(calls).toMatchObject([{ callId: adas.callId, roomId: room.id, steps: 5 }])
  const evidence = await ada.get<CallEvidence>(`/api/admin/calls/${adas.callId}`)
  expect(evidence).toMatchObject({
    state: 'active',
    steps: 5,
    participants: [
      {
        userId: ada.id,
        connections: [
          {
            state: 'connected',
            step: 3,
            event: 'livekit.participant.joined',
            source: 'livekit',
            deadlineAt: null,
          },
        ],
      },
      {
        userId: bo.id,
        connections: [{ state: 'doubtful', step: 5, event: 'livekit.participant.left' }],
      },
    ],
  })
  const [bosConnection] = evidence.participants[1]?.connections ?? []
  expect(bosConnection?.deadlineAt).toBeGreaterThan(bosConnection?.at ?? Infinity)
  expect(bosConnection?.ageMs).toBeLessThan(60_000)

  await bo.hangUp(bos)
  await ada.hangUp(adas)
  const after = await ada.get<CallEvidence>(`/api/admin/calls/${adas.callId}`)
  expect(after).toMatchObject({
    state: 'ended',
    participants: [
      { connections: [{ state: 'gone', goneWhy: 'left', source: 'user' }] },
      { connections: [{ state: 'gone', goneWhy: 'left', source: 'user' }] },
    ],
  })
})

test('only for admins, and only for calls that are known', async () => {
  expect((await bo.ask('GET', '/api/admin/calls')).status).toBe(403)
  expect((await bo.ask('GET', '/api/admin/calls/whatever')).status).toBe(403)
  expect((await ada.ask('GET', '/api/admin/calls/whatever')).status).toBe(404)
})
