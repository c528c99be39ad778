/** Whoever follows calls gets each committed step once, in order, with its snapshot; none before its commit. */
import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { CommittedStep } from '../../../machines/call.actor.ts'
import { toIdentity } from '../../../machines/call.context.ts'
import type { CallEvent } from '../../../machines/call.events.ts'
import { openStore } from '../../../persistence/open-store.ts'
import type { Store } from '../../../persistence/store.ts'
import { contextOf } from '../../../server/rooms/snapshot-envelope.ts'
import { createRoomCore } from '../../support/room-core.ts'

const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31))
const runs = Number(process.env['RUNS'] ?? (process.env['CI'] ? 500 : 60))

let folder: string
let store: Store
let made = 0
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chatto-follow-'))
  store = await openStore(`sqlite:${join(folder, 'chatto.db')}`)
})
afterAll(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const who = fc.constantFrom('ada', 'bo', 'chen')
const moves = fc.array(
  fc.record({
    does: fc.constantFrom(
      ...([
        'join',
        'join',
        'up',
        'up',
        'over',
        'leave',
        'close',
        'lost',
        'due',
        'restart',
      ] as const),
    ),
    who,
    afterMs: fc.constantFrom(1, 900, 12_000),
  }),
  { minLength: 4, maxLength: 25 },
)

test(`I5 a follower gets every committed step once, in order, with its snapshot, over restarts (seed ${seed})`, async () => {
  console.log(`followed stories: SEED=${seed} RUNS=${runs}`)
  let followed = 0
  await fc.assert(
    fc.asyncProperty(moves, async (story) => {
      const roomId = `room-${++made}`
      let at = 1_000_000
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
        ['ada', 'bo', 'chen'],
      )
      const seen: CommittedStep[] = []
      /** Newest steps in the database, as the commit returned; a follower must never be ahead of it. */
      const committed = new Map<string, number>()
      const watched: Pick<Store, 'rooms'> = {
        rooms: {
          ...store.rooms,
          async commit(batch) {
            const outcomes = await store.rooms.commit(batch)
            for (const { steps } of batch) {
              for (const { callId, step } of steps) committed.set(callId, step)
            }
            return outcomes
          },
        },
      }
      const open = () => {
        const core = createRoomCore({
          store: { ...store, ...watched },
          now: () => at,
          newId: () => `id-${++made}`,
        })
        core.actors.follow((step) => {
          expect(step.step, 'none before its commit').toBeLessThanOrEqual(
            committed.get(step.callId) ?? 0,
          )
          seen.push(step)
        })
        return core
      }
      let core = open()
      const calls: string[] = []
      for (const { does, who: userId, afterMs } of story) {
        at += afterMs
        const callId = (await store.rooms.load(roomId, {}))?.call?.callId ?? 'none'
        if (callId !== 'none' && calls.at(-1) !== callId) calls.push(callId)
        if (does === 'restart') core = open()
        else await core.mailbox.run(roomId, { members: [userId] }, toStep(does, userId, callId))
      }
      const last = (await store.rooms.load(roomId, {}))?.call
      if (last && calls.at(-1) !== last.callId) calls.push(last.callId)

      for (const callId of new Set([...calls, ...seen.map((step) => step.callId)])) {
        const stored = await store.calls.steps(callId, 0, 1_000)
        const mine = seen.filter((step) => step.callId === callId)
        expect(mine.map(({ step, event }) => [step, event.type])).toEqual(
          stored.map(({ step, event }) => [step, event]),
        )
        // Each goes on from where the one before it was.
        mine.forEach(({ before }, i) => {
          if (i > 0) expect(before.context).toEqual(mine[i - 1]?.snapshot.context)
        })
        expect(mine.flatMap(({ facts }) => facts.map(({ seq }) => seq))).toEqual(
          stored.flatMap(({ firstSeq, lastSeq }) => range(firstSeq, lastSeq)),
        )
        if (last?.callId === callId) {
          expect(mine.at(-1)?.snapshot.context).toEqual({
            ...contextOf(last),
            timing: mine.at(-1)?.snapshot.context.timing,
          })
        }
        followed += mine.length
      }
    }),
    { seed, numRuns: runs },
  )
  expect(followed).toBeGreaterThan(runs * 3)
})

const range = (first: number | null, last: number | null) =>
  first === null || last === null
    ? []
    : Array.from({ length: last - first + 1 }, (_, i) => first + i)

function toStep(
  does: Exclude<(typeof moves extends fc.Arbitrary<(infer M)[]> ? M : never)['does'], 'restart'>,
  userId: string,
  callId: string,
) {
  return (state: { members: { has(userId: string): boolean } }) => ({
    ...(does === 'lost'
      ? { removeMembers: [{ userId, by: null }] }
      : {
          addMembers: [{ userId, by: null }],
          callEvent: (at: number) => toEvent(does, userId, callId, at, state.members.has(userId)),
        }),
    result: () => undefined,
  })
}

function toEvent(
  does: 'join' | 'up' | 'over' | 'leave' | 'close' | 'due',
  userId: string,
  callId: string,
  at: number,
  isMember: boolean,
): CallEvent {
  const connectionId = 'p1'
  const session = {
    at,
    callId,
    livekitRoomSid: 'RM_1',
    identity: toIdentity(userId, connectionId),
    participantSid: `PA_${userId}_${Math.floor(at / 20_000)}`,
    joinedAtMs: at,
    isMember,
  }
  switch (does) {
    case 'join':
      return {
        type: 'join.requested',
        at,
        userId,
        sessionId: `session of ${userId}`,
        connectionId,
        freshConnectionId: `fresh-${at}`,
        freshCallId: `call-${made}-${at}`,
        isMember,
      }
    case 'up':
      return { type: 'livekit.participant.joined', ...session, state: 'ACTIVE' }
    case 'over':
      return { type: 'livekit.participant.left', ...session, state: 'DISCONNECTED', reason: '' }
    case 'leave':
    case 'close':
      return {
        type: 'leave.requested',
        at,
        userId,
        callId,
        connectionId,
        closing: does === 'close',
      }
    case 'due':
      return { type: 'deadline.due', at, callId }
    default:
      return does satisfies never
  }
}

test('I5 a follower that fails keeps nobody from a step, and who has stopped following gets none', async () => {
  let at = 1_000
  const core = createRoomCore({ store, now: () => at, newId: () => `id-${++made}` })
  const roomId = `room-${++made}`
  const room = { roomId, name: 'x', kind: 'room', visibility: 'public' } as const
  await store.rooms.create({ ...room, ownerId: null, dmKey: null, createdAt: at }, ['ada'])
  const seen: string[] = []
  core.actors.follow(() => {
    throw new Error('a follower with a fault')
  })
  const stop = core.actors.follow(({ event }) => seen.push(event.type))
  const join = () => core.mailbox.run(roomId, { members: ['ada'] }, toStep('join', 'ada', ''))
  await join()
  expect(core.actors.count()).toBe(1)
  stop()
  at += 1
  await join()
  expect(seen).toEqual(['join.requested'])
  await core.mailbox.idle()
  // A call that nothing happens to has no actor; its next step makes one.
  at += 60_000
  core.mailbox.forgetQuiet(30_000)
  expect([core.mailbox.count(), core.actors.count()]).toEqual([0, 0])
  await join()
  expect([core.mailbox.count(), core.actors.count()]).toEqual([1, 1])
})
