/** The comparison with LiveKit on the real mailbox, machine and store; what LiveKit lists is the test's word. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { toIdentity } from '../../../machines/call.context.ts'
import { defaultTiming } from '../../../machines/call.context.ts'
import { viewOfCall } from '../../../machines/call.view.ts'
import { openStore } from '../../../persistence/open-store.ts'
import type { Store } from '../../../persistence/store.ts'
import { createLivekitHealth, type LivekitHealth } from '../../../server/calls/livekit-health.ts'
import {
  createReconciler,
  type ReconcileDeps,
  type Reconciler,
} from '../../../server/calls/reconcile.ts'
import { createTroubles } from '../../../server/troubles.ts'
import { createClock } from '../../../server/time/clock.ts'
import { contextOf } from '../../../server/rooms/snapshot-envelope.ts'
import { createRoomCore, type RoomCore } from '../../support/room-core.ts'

const silent = pino({ level: 'silent' })
let folder: string
let store: Store
let core: RoomCore
let health: LivekitHealth
let reconciler: Reconciler
let at: number
/** Who has a session, by the name of LiveKit's room; an error is thrown in place of an answer. */
let listed: Map<string, string[] | Error>
let roomsFail: boolean
let closed: string[]

const nameOf = (roomId: string, callId: string) => `${roomId}@${callId}`
/** One room each, with one call. */
const adas = { roomId: 'r1', callId: 'call-r1' }
const bos = { roomId: 'r2', callId: 'call-r2' }

beforeEach(async () => {
  at = 1_800_000_000_000
  listed = new Map()
  roomsFail = false
  closed = []
  folder = mkdtempSync(join(tmpdir(), 'chatto-reconcile-'))
  store = await openStore(`sqlite:${join(folder, 'chatto.db')}`)
  const now = () => at
  let ids = 0
  core = createRoomCore({ store, now, newId: () => `id${++ids}` })
  health = createLivekitHealth({ now, troubles: createTroubles({ now, log: silent }) })
  const livekit: ReconcileDeps['livekit'] = {
    async listRooms() {
      if (roomsFail) throw new Error('LiveKit is away')
      return [...listed.keys()].map((name) => ({ name, sid: `RM_${name}` }))
    },
    async listSessions(name) {
      const identities = listed.get(name) ?? []
      if (identities instanceof Error) throw identities
      return identities.map((identity) => ({
        identity,
        participantSid: `PA_${identity}`,
        state: 'ACTIVE',
        joinedAtMs: at,
      }))
    },
    async closeRoom(name) {
      closed.push(name)
    },
  }
  reconciler = createReconciler({
    livekit,
    index: core.index,
    steps: core.mailbox,
    calls: store.calls,
    health,
    toName: nameOf,
    parseName(name) {
      const [roomId, callId] = name.split('@')
      return roomId && callId ? { roomId, callId } : undefined
    },
    clock: createClock(now),
    timing: { ...defaultTiming, listingIntervalMs: 30_000, restlessIntervalMs: 2_000 },
    graceUntil: 0,
    log: silent,
  })
  for (const [call, userId] of [
    [adas, 'ada'],
    [bos, 'bo'],
  ] as const) {
    const { roomId } = call
    await store.rooms.create(
      {
        roomId,
        name: roomId,
        kind: 'room',
        visibility: 'public',
        ownerId: null,
        dmKey: null,
        createdAt: at,
      },
      [userId],
    )
    await core.mailbox.run(roomId, {}, () => ({
      callEvent: (stepAt) => ({
        type: 'join.requested',
        at: stepAt,
        userId,
        sessionId: `session of ${userId}`,
        connectionId: 'p1',
        freshConnectionId: 'unused',
        freshCallId: call.callId,
        isMember: true,
      }),
      result: () => undefined,
    }))
  }
})

afterEach(async () => {
  await reconciler.stop()
  await store.close()
  rmSync(folder, { recursive: true })
})

/** `['ada connected']` */
async function shown(roomId: string): Promise<string[]> {
  const call = (await store.rooms.load(roomId, {}))?.call
  if (!call) return []
  return viewOfCall(contextOf(call)).participants.map((p) => `${p.userId} ${p.state}`)
}
const list = (call: { roomId: string; callId: string }, sessions: string[] | Error) =>
  listed.set(nameOf(call.roomId, call.callId), sessions)
const lastFact = (roomId: string) => core.published.get(roomId)?.at(-1)

async function bothAreUp(): Promise<void> {
  list(adas, [toIdentity('ada', 'p1')])
  list(bos, [toIdentity('bo', 'p1')])
  await reconciler.passAll()
  expect([await shown('r1'), await shown('r2')]).toEqual([['ada connected'], ['bo connected']])
}

test('R33 both directions: who is listed comes up, who is not listed is in doubt', async () => {
  await bothAreUp()
  expect(lastFact('r1')).toMatchObject({ type: 'participant.connected', source: 'reconciliation' })
  at += 5_000
  list(adas, [])
  await reconciler.passAll()
  expect([await shown('r1'), await shown('r2')]).toEqual([['ada reconnecting'], ['bo connected']])
})

test('R36 R40 LiveKit fails for Ada’s room: Bo’s is compared all the same, and Ada is not in doubt', async () => {
  list(adas, new Error('this room cannot be listed'))
  list(bos, [toIdentity('bo', 'p1')])
  await reconciler.passAll()
  expect([await shown('r1'), await shown('r2')]).toEqual([['ada joining'], ['bo connected']])
  list(adas, [toIdentity('ada', 'p1')])
  await reconciler.passAll()
  at += 5_000
  list(adas, new Error('this room cannot be listed'))
  list(bos, [])
  await reconciler.passAll()
  expect([await shown('r1'), await shown('r2')]).toEqual([['ada connected'], ['bo reconnecting']])
})

test('R40 Ada’s room cannot even be written: Bo’s is compared all the same', async () => {
  await bothAreUp()
  at += 5_000
  // Its step fails: the room is not there any more.
  core.index.setCall('call-r0', null)
  core.index.refresh([
    { callId: 'call-r0', roomId: 'r0', step: 1, dueAt: null, startedAt: at },
    { callId: adas.callId, roomId: 'r1', step: 2, dueAt: null, startedAt: at },
    { callId: bos.callId, roomId: 'r2', step: 2, dueAt: null, startedAt: at },
  ])
  list(bos, [])
  await reconciler.passAll()
  expect([await shown('r1'), await shown('r2')]).toEqual([['ada connected'], ['bo reconnecting']])
})

test('R36 LiveKit cannot list its rooms: nobody is in doubt, however often', async () => {
  await bothAreUp()
  listed.clear()
  roomsFail = true
  for (let pass = 0; pass < 3; pass += 1) {
    at += 2_000
    await reconciler.passAll()
  }
  expect([await shown('r1'), await shown('r2')]).toEqual([['ada connected'], ['bo connected']])
  expect(health.state().livekit.state).toBe('unreachable')
})

test('R37 webhooks arrive while LiveKit cannot be asked for an hour: the call is unconfirmed and goes on', async () => {
  await bothAreUp()
  roomsFail = true
  for (let minute = 0; minute < 130; minute += 1) {
    at += 30_000
    if (minute % 20 === 0) health.webhookSeen(at, true)
    await reconciler.passAll()
  }
  expect([await shown('r1'), await shown('r2')]).toEqual([['ada connected'], ['bo connected']])
  expect(lastFact('r1')).toMatchObject({ type: 'call.unconfirmed' })
  // The last one came four and a half minutes ago. Without any more it ends an hour after that.
  at += 3_329_999
  await reconciler.passAll()
  expect(lastFact('r1')).toMatchObject({ type: 'call.unconfirmed' })
  at += 1
  await reconciler.passAll()
  expect(lastFact('r1')).toMatchObject({ type: 'call.ended', reason: 'livekit-unavailable' })
})

test('R37 a webhook about another installation’s room is no sign of life', async () => {
  await bothAreUp()
  roomsFail = true
  for (let minute = 0; minute < 122; minute += 1) {
    at += 30_000
    health.webhookSeen(at, false)
    await reconciler.passAll()
  }
  expect(lastFact('r1')).toMatchObject({ type: 'call.ended', reason: 'livekit-unavailable' })
})

test('R37 a webhook that another process took is a sign of life as well', async () => {
  await bothAreUp()
  roomsFail = true
  for (let minute = 0; minute < 122; minute += 1) {
    at += 30_000
    if (minute === 100) {
      // It is about Bo's room; nobody told this process.
      await core.mailbox.run('r2', { members: ['bo'] }, () => ({
        receipt: { key: 'webhook:EV_1' },
        result: () => undefined,
      }))
    }
    await reconciler.passAll()
  }
  expect(await shown('r1')).toEqual(['ada connected'])
})

test('R34 R35 a room that is missing counts as one without people; right after trouble the doubt is longer', async () => {
  await bothAreUp()
  at += 5_000
  listed.delete(nameOf('r1', adas.callId))
  await reconciler.passAll()
  expect(await shown('r1')).toEqual(['ada reconnecting'])
  expect(core.index.calls.get(adas.callId)?.listingAt).toBe(at + 10_000 + 2_000)

  roomsFail = true
  await reconciler.passAll()
  roomsFail = false
  at += 5_000
  listed.delete(nameOf('r2', bos.callId))
  await reconciler.passAll()
  expect(await shown('r2')).toEqual(['bo reconnecting'])
  expect(core.index.calls.get(bos.callId)?.listingAt).toBe(at + 30_000 + 2_000)
})

test('R39 only the LiveKit room of a call that our log has ended is closed', async () => {
  await bothAreUp()
  await core.mailbox.run('r1', {}, () => ({
    callEvent: (stepAt) => ({
      type: 'leave.requested',
      at: stepAt,
      callId: adas.callId,
      userId: 'ada',
      connectionId: null,
      closing: false,
    }),
    result: () => undefined,
  }))
  listed.set('r1@nobody-knows', [])
  listed.set('a-foreign-room', [])
  await reconciler.passAll()
  expect(closed).toEqual([nameOf('r1', adas.callId)])
})
