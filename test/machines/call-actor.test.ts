/** The running actor is what was committed, and what the machine would have become by itself. */
import fc from 'fast-check'
import { createActor } from 'xstate'
import { expect, test } from 'vitest'
import { advanceCallActor, createCallActor } from '../../machines/call.actor.ts'
import { defaultTiming, toIdentity } from '../../machines/call.context.ts'
import type { CallEvent } from '../../machines/call.events.ts'
import { callMachine, type CallEmission } from '../../machines/call.machine.ts'
import { decide, idleCall } from '../../machines/decide.ts'

const seed = 20261125
const callId = 'call-1'
const who = fc.constantFrom('ada', 'bo', 'chen')

const stories = fc.array(
  fc.record({ do: fc.constantFrom('join', 'leave', 'up', 'over', 'removed', 'due'), who }),
  { minLength: 1, maxLength: 40 },
)

function toEvent(step: { do: string; who: string }, at: number): CallEvent {
  const userId = step.who
  const connectionId = `${userId}-page`
  const session = {
    at,
    callId,
    livekitRoomSid: 'RM_1',
    identity: toIdentity(userId, connectionId),
    participantSid: `PA_${userId}_${Math.floor(at / 5)}`,
    joinedAtMs: at,
    isMember: true,
  }
  switch (step.do) {
    case 'join':
      return {
        type: 'join.requested',
        at,
        userId,
        connectionId,
        freshConnectionId: connectionId,
        sessionId: `${userId}-session`,
        freshCallId: callId,
        isMember: true,
      }
    case 'leave':
      return { type: 'leave.requested', at, userId, callId, connectionId, closing: at % 2 === 0 }
    case 'up':
      return { type: 'livekit.participant.joined', ...session, state: 'ACTIVE' }
    case 'over':
      return { type: 'livekit.participant.left', ...session, state: 'DISCONNECTED', reason: '' }
    case 'removed':
      return { type: 'membership.lost', at, userId, by: null }
    default:
      return { type: 'deadline.due', at, callId }
  }
}

test(`advancing by what was decided, starting anew from it, and the machine itself agree (seed ${seed})`, () => {
  fc.assert(
    fc.property(stories, (steps) => {
      let snapshot = idleCall('room-1', defaultTiming)
      const ours = createCallActor(snapshot)
      const itself = createActor(callMachine, {
        input: { roomId: 'room-1', timing: defaultTiming },
      }).start()
      const emitted: { ours: CallEmission[]; itself: CallEmission[] } = { ours: [], itself: [] }
      ours.on('*', (emission) => emitted.ours.push(emission))
      itself.on('*', (emission) => emitted.itself.push(emission))

      steps.forEach((step, i) => {
        const event = toEvent(step, 1_000 + i * 400)
        const decision = decide(snapshot, event)
        if (decision.changed) {
          const { facts, effects, emitted } = decision
          const numbered = facts.map((fact) => ({ ...fact, seq: 1 }))
          const of = { roomId: 'room-1', callId, step: i, event, effects, emitted, facts: numbered }
          advanceCallActor(ours, { ...of, before: snapshot, snapshot: decision.snapshot })
          itself.send(event)
        }
        snapshot = decision.snapshot
        expect(ours.getSnapshot().context).toEqual(snapshot.context)
        expect(itself.getPersistedSnapshot()).toEqual(ours.getPersistedSnapshot())
        const anew = createCallActor(snapshot)
        expect(anew.getPersistedSnapshot()).toEqual(ours.getPersistedSnapshot())
        anew.stop()
      })
      expect(emitted.ours).toEqual(emitted.itself)
    }),
    { seed, numRuns: 200 },
  )
})
