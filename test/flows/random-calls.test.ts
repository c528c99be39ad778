import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { liveConnections, toIdentity, userIdOf } from '../../machines/call.context.ts'
import type { CallEvent, LivekitSession } from '../../machines/call.events.ts'
import { applyFact, viewOfCall, type CallView } from '../../machines/call.view.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import { openStore } from '../../persistence/open-store.ts'
import type { Store } from '../../persistence/store.ts'
import type { RoomState } from '../../server/rooms/room-step.ts'
import { contextOf } from '../../server/rooms/snapshot-envelope.ts'
import { createRoomCore, type RoomCore } from '../support/room-core.ts'

/**
 * Random stories through the real machine, mailbox and store; the invariants are checked after each
 * step. `SEED=n` repeats a run, `RUNS=n` sets how many there are (CI: 2,000).
 */
const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31))
const runs = Number(process.env['RUNS'] ?? (process.env['CI'] ? 2_000 : 150))

const people = ['ada', 'bo', 'chen'] as const
const pages = ['p1', 'p2'] as const

type Story =
  | { do: 'join' | 'leave' | 'close'; who: string; page: string }
  | { do: 'media'; who: string; page: string; deliver: 'now' | 'late' | 'never' | 'twice' }
  | { do: 'drop'; who: string; page: string; deliver: 'now' | 'late' | 'never' | 'twice' }
  | { do: 'forge'; who: string }
  | { do: 'deliver-late' }
  | { do: 'room-finished' }
  | { do: 'list'; lagMs: number }
  | { do: 'pass-time'; ms: number }
  | { do: 'remove-member' | 'add-member'; who: string }
  | { do: 'restart' }
  | { do: 'old-call'; who: string }

const who = fc.constantFrom(...people)
const page = fc.constantFrom(...pages)
const deliver = fc.constantFrom('now', 'now', 'late', 'never', 'twice')
const story: fc.Arbitrary<Story> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('join', 'join', 'leave', 'close'), who, page }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constantFrom('media', 'media', 'drop'), who, page, deliver }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('list'), lagMs: fc.constantFrom(0, 0, 1_000, 3_000) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('pass-time'),
      ms: fc.constantFrom(1, 500, 2_000, 10_000, 46_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('deliver-late') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('remove-member', 'add-member'), who }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart', 'room-finished') }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('forge', 'old-call'), who }) },
) as fc.Arbitrary<Story>

let store: Store
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chatto-random-'))
  store = await openStore(`sqlite:${join(folder, 'chatto.db')}`)
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

test(`I1–I7 hold after every step of ${runs} random stories`, { timeout: 900_000 }, async () => {
  console.info(`random stories: SEED=${seed} RUNS=${runs}`)
  let room = 0
  await fc.assert(
    fc.asyncProperty(fc.array(story, { minLength: 5, maxLength: 30 }), async (steps) => {
      const teller = await createTeller(`room${++room}`)
      for (const step of steps) {
        await teller.tell(step)
        await teller.check()
      }
    }),
    { seed, numRuns: runs, endOnFailure: false },
  )
})

async function createTeller(roomId: string) {
  let at = 1_700_000_000_000
  let ids = 0
  const newId = () => `${roomId}-${++ids}`
  const now = () => at
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
    [...people],
  )
  let core: RoomCore = createRoomCore({ store, now, newId })
  const published: LogFact[] = []
  /** LiveKit's truth: who has a session. */
  const sessions = new Map<string, { participantSid: string; joinedAtMs: number }>()
  const late: CallEvent[] = []
  let livekitRoomSid = 'RM_1'
  let sids = 0
  const oldCalls: string[] = []

  const currentCall = async () => (await store.rooms.load(roomId, {}))?.call?.callId ?? null

  /** A webhook or a listing reaches the call through the mailbox, as in the server. */
  async function send(event: CallEvent, receiptKey?: string): Promise<void> {
    const userId = 'identity' in event ? userIdOf(event.identity) : undefined
    const needs = {
      members: event.type === 'livekit.listed' ? [...people, 'mallory'] : userId ? [userId] : [],
      receipts: receiptKey === undefined ? [] : [receiptKey],
    }
    await core.mailbox.run(roomId, needs, (state) => {
      if (receiptKey !== undefined && state.receipt(receiptKey)) return { result: () => null }
      const gated = gate(event, state.members)
      return {
        callEvent: (stepAt) => ({ ...gated, at: stepAt }),
        ...(receiptKey !== undefined && { receipt: { key: receiptKey } }),
        result: () => null,
      }
    })
  }

  async function report(event: CallEvent, how: string): Promise<void> {
    const key = `webhook:${newId()}`
    if (how === 'never') return
    if (how === 'late') late.push(event)
    else await send(event, key)
    if (how === 'twice') await send(event, key)
  }

  const sessionOf = (identity: string): LivekitSession => ({
    identity,
    participantSid: sessions.get(identity)?.participantSid ?? 'PA_none',
    state: 'ACTIVE',
    joinedAtMs: sessions.get(identity)?.joinedAtMs ?? 0,
    isMember: true,
  })

  async function tell(step: Story): Promise<void> {
    switch (step.do) {
      case 'join': {
        const freshCallId = newId()
        const isOn = await currentCall()
        await core.mailbox.run(roomId, { members: [step.who] }, (state) => ({
          callEvent: (stepAt) => ({
            type: 'join.requested',
            at: stepAt,
            userId: step.who,
            sessionId: `session of ${step.who}`,
            connectionId: step.page,
            freshConnectionId: newId(),
            freshCallId,
            isMember: state.members.has(step.who),
          }),
          result: () => null,
        }))
        if (isOn === null) sessions.clear()
        return
      }
      case 'leave':
      case 'close': {
        const callId = (await currentCall()) ?? 'none'
        await send({
          type: 'leave.requested',
          at,
          callId,
          userId: step.who,
          connectionId: step.page,
          closing: step.do === 'close',
        })
        if ((await currentCall()) === null && callId !== 'none') oldCalls.push(callId)
        return
      }
      case 'media': {
        const callId = await currentCall()
        if (callId === null) return
        const identity = toIdentity(step.who, step.page)
        sessions.set(identity, { participantSid: `PA_${++sids}`, joinedAtMs: at })
        await report(
          {
            type: 'livekit.participant.joined',
            at,
            callId,
            livekitRoomSid,
            ...sessionOf(identity),
          },
          step.deliver,
        )
        return
      }
      case 'drop': {
        const callId = await currentCall()
        const identity = toIdentity(step.who, step.page)
        if (callId === null || !sessions.has(identity)) return
        const session = { ...sessionOf(identity), state: 'DISCONNECTED' as const }
        sessions.delete(identity)
        await report(
          {
            type: 'livekit.participant.left',
            at,
            callId,
            livekitRoomSid,
            reason: 'CLIENT_INITIATED',
            ...session,
          },
          step.deliver,
        )
        return
      }
      case 'forge': {
        const callId = await currentCall()
        if (callId === null) return
        await send({
          type: 'livekit.participant.joined',
          at,
          callId,
          livekitRoomSid,
          ...sessionOf(`${step.who}:never-issued`),
        })
        return
      }
      case 'deliver-late': {
        const event = late.pop()
        if (event) await send(event, `webhook:${newId()}`)
        return
      }
      case 'room-finished': {
        const callId = await currentCall()
        if (callId === null) return
        sessions.clear()
        await send({ type: 'livekit.room.finished', at, callId, livekitRoomSid })
        livekitRoomSid = `RM_${++sids}`
        return
      }
      case 'list': {
        const callId = await currentCall()
        if (callId === null) return
        await send({
          type: 'livekit.listed',
          at,
          callId,
          begunAt: at - step.lagMs,
          livekitRoomSid: sessions.size > 0 ? livekitRoomSid : null,
          sessions: [...sessions.keys()].map(sessionOf),
          isFirst: false,
          graceUntil: 0,
        })
        return
      }
      case 'pass-time': {
        at += step.ms
        const callId = await currentCall()
        if (callId !== null) await send({ type: 'deadline.due', at, callId })
        return
      }
      case 'remove-member':
        await core.mailbox.run(roomId, { members: [step.who] }, () => ({
          removeMembers: [{ userId: step.who, by: null }],
          result: () => null,
        }))
        return
      case 'add-member':
        await core.mailbox.run(roomId, { members: [step.who] }, () => ({
          addMembers: [{ userId: step.who, by: null }],
          result: () => null,
        }))
        return
      case 'restart':
        keepPublished()
        core = createRoomCore({ store, now, newId })
        return
      case 'old-call': {
        const callId = oldCalls.at(-1)
        if (callId === undefined || callId === (await currentCall())) return
        const before = await store.rooms.load(roomId, {})
        await send({
          type: 'livekit.participant.joined',
          at,
          callId,
          livekitRoomSid,
          ...sessionOf(toIdentity(step.who, 'p1')),
        })
        const after = await store.rooms.load(roomId, {})
        expect(after?.room.seq, 'R25').toBe(before?.room.seq)
        return
      }
      default:
        return step satisfies never
    }
  }

  function keepPublished(): void {
    published.push(...(core.published.get(roomId) ?? []))
    core.published.delete(roomId)
  }

  async function check(): Promise<void> {
    keepPublished()
    const loaded = await store.rooms.load(roomId, { members: [...people, 'mallory'] })
    if (!loaded) throw new Error('the room is gone')
    const log = await store.rooms.factsAfter(roomId, 0, 10_000)

    // I5, I7: what was published is the log; numbers have no gap, times never go back.
    expect(published, 'I5').toEqual(log)
    log.forEach((fact, i) => {
      expect(fact.seq, 'I7').toBe(i + 1)
      if (i > 0) expect(fact.at, 'I7').toBeGreaterThanOrEqual(log[i - 1]?.at ?? 0)
    })

    // I4: replaying gives the view that is served.
    let view: CallView | null = null
    for (const fact of log) view = applyFact(roomId, view, fact)
    const context = loaded.call ? contextOf(loaded.call) : null
    expect(view, 'I4').toEqual(context && viewOfCall(context))

    // I3: one start and at most one end of each call, the end last.
    const starts = log.flatMap((f) => (f.type === 'call.started' ? [f.callId] : []))
    const ends = log.flatMap((f) => (f.type === 'call.ended' ? [f.callId] : []))
    expect(new Set(starts).size, 'I3').toBe(starts.length)
    expect(ends, 'I1, I3').toEqual(starts.slice(0, ends.length))
    expect(starts.length - ends.length, 'I1').toBe(loaded.call ? 1 : 0)

    // I2: a key exists if and only if its call is active.
    for (const callId of starts) {
      const key = await store.calls.key(callId)
      expect(key !== undefined, 'I2').toBe(callId === loaded.call?.callId)
    }

    if (!context) return
    // R3, R18, R27: nobody is listed who is no member; R28: nor a forged identity.
    const members = new Set(loaded.members.map((member) => member.userId))
    for (const connection of liveConnections(context)) {
      expect(members.has(connection.userId), 'R27').toBe(true)
      expect(connection.connectionId, 'R28').not.toBe('never-issued')
    }
    // A person is shown if and only if a connection of theirs is not gone.
    const live = new Set(liveConnections(context).map((connection) => connection.userId))
    expect(new Set(Object.keys(context.people))).toEqual(live)
  }

  return { tell, check }
}

/** R27: membership is read inside the step. */
function gate(event: CallEvent, members: RoomState['members']): CallEvent {
  if (event.type === 'livekit.participant.joined') {
    return { ...event, isMember: members.has(event.identity.split(':')[0] ?? '') }
  }
  if (event.type === 'livekit.listed') {
    return {
      ...event,
      sessions: event.sessions.map((session) => ({
        ...session,
        isMember: members.has(session.identity.split(':')[0] ?? ''),
      })),
    }
  }
  return event
}
