/**
 * A room's call: idle → active → ended.
 *
 * Pure: it has no clock, chance, I/O or secret (I6). It decides; the mailbox commits. Facts and
 * effects leave it as emitted events; an event that changes nothing says why (`ignored`). Events that
 * name another call never come here: `decide.ts` sets them aside (R25).
 *
 * While it is on, a call is in three states at once: how settled its people are (R33, R34), whether
 * LiveKit can be asked (R37), and what its key is worth (R45). What follows every event is said once,
 * at `active`: the others are told, and a call that nobody is in is over.
 */
import { and, assertEvent, assign, enqueueActions, setup, stateIn } from 'xstate'
import { announcePeople, endCall } from './call.announcing.ts'
import type { Change } from './call.change.ts'
import { admitConnection, startCall } from './call.joining.ts'
import {
  doubtClosingPage,
  duePages,
  expireClosingPages,
  knowsKey,
  leave,
  namedByLeave,
  removePerson,
  rotateKey,
} from './call.leaving.ts'
import { awaySince, compareWithListing, loseSight, regainSight } from './call.listing.ts'
import { bringReportedUp, doubtEverybody, endSession, noteRoom } from './call.reports.ts'
import { evictAgain, handOverLatecomer, judgeSession, type Verdict } from './call.sessions.ts'
import {
  defaultTiming,
  emptyCall,
  isFullFor,
  isUnsettled,
  liveConnections,
  userIdOf,
  type CallContext,
  type CallTiming,
} from './call.context.ts'
import {
  actorOf,
  sourceOf,
  type CallEffect,
  type CallEvent,
  type IgnoredReason,
  type KeyExposed,
} from './call.events.ts'
import type { CallFact, EndReason } from './call.facts.ts'
import { goneWhyOf, isClosing, isGone } from './connection.machine.ts'

/** What a transition gives out: facts to record, effects to run, or why there were none. */
export type CallEmission = CallFact | CallEffect | { type: 'ignored'; reason: IgnoredReason }

/** Raised when the stored shape changes, so that an old snapshot is not taken for a new one. */
export const callMachineVersion = 2

const reportTypes = [
  'livekit.participant.joined',
  'livekit.participant.left',
  'livekit.participant.aborted',
] as const

/** What every rule's change comes to; facts before effects, as they are committed. */
function carryOut(
  enqueue: {
    assign(context: CallContext): void
    emit(emission: CallEmission): void
    raise(event: KeyExposed): void
  },
  { context, facts = [], effects, exposesKey }: Change,
  event: CallEvent | KeyExposed,
): void {
  enqueue.assign(context)
  facts.forEach((fact) => enqueue.emit(fact))
  effects.forEach((effect) => enqueue.emit(effect))
  if (!exposesKey || event.type === 'key.exposed') return
  enqueue.raise({ type: 'key.exposed', at: event.at, by: actorOf(event), source: sourceOf(event) })
}

export const callMachine = setup({
  types: {
    context: {} as CallContext,
    events: {} as CallEvent | KeyExposed,
    emitted: {} as CallEmission,
    input: {} as { roomId: string; timing: CallTiming },
  },
  guards: {
    isMember: ({ event }) => 'isMember' in event && event.isMember,
    isFull: ({ context, event }) => {
      assertEvent(event, 'join.requested')
      return isFullFor(context, event.userId)
    },
    /** What the reported session is to this call. */
    isSession: ({ context, event }, params: { judged: Verdict }) => {
      assertEvent(event, 'livekit.participant.joined')
      return judgeSession(context, event, event) === params.judged
    },
    isNeverIssued: ({ context, event }) => {
      assertEvent(event, reportTypes)
      return context.connections[event.identity] === undefined
    },
    isKnownDead: ({ context, event }) => {
      assertEvent(event, reportTypes)
      return context.connections[event.identity]?.deadSids.includes(event.participantSid) ?? false
    },
    isClosingPage: ({ context, event }) => {
      assertEvent(event, 'leave.requested')
      return event.closing && namedByLeave(context, event).some((c) => !isGone(c) && !isClosing(c))
    },
    isOwnLeave: ({ context, event }) => {
      assertEvent(event, 'leave.requested')
      return !event.closing && namedByLeave(context, event).length > 0
    },
    wasInCall: ({ context, event }) => {
      assertEvent(event, 'membership.lost')
      return knowsKey(context, event.userId)
    },
    isCurrentLivekitRoom: ({ context, event }) =>
      'livekitRoomSid' in event &&
      (context.livekitRoomSid === null ||
        event.livekitRoomSid === null ||
        event.livekitRoomSid === context.livekitRoomSid),
    isDeadLivekitRoom: ({ context, event }) =>
      'livekitRoomSid' in event &&
      event.livekitRoomSid !== null &&
      context.deadRoomSids.includes(event.livekitRoomSid),
    hasDuePage: ({ context, event }) => {
      assertEvent(event, 'deadline.due')
      return duePages(context, event.at).length > 0
    },
    isUnconfirmed: stateIn({ active: { sight: 'unconfirmed' } }),
    isAwayTooLong: ({ context, event }) => {
      assertEvent(event, 'livekit.unreachable')
      return event.at - awaySince(context, event) >= context.timing.livekitAwayMs
    },
    hasNews: ({ context }) => context.untold.length > 0,
    isUnsettled: ({ context }) => isUnsettled(context),
    isSettled: ({ context }) => !isUnsettled(context),
    isEmpty: ({ context }) => liveConnections(context).length === 0,
  },
  actions: {
    startCall: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'join.requested')
      carryOut(enqueue, startCall(context, event), event)
    }),
    admitConnection: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'join.requested')
      carryOut(enqueue, admitConnection(context, event), event)
    }),
    leave: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'leave.requested')
      carryOut(enqueue, leave(context, event), event)
    }),
    doubtClosingPage: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'leave.requested')
      carryOut(enqueue, doubtClosingPage(context, event), event)
    }),
    expireClosingPages: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'deadline.due')
      carryOut(enqueue, expireClosingPages(context, event), event)
    }),
    removePerson: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['membership.lost', 'livekit.participant.joined'])
      const userId = event.type === 'membership.lost' ? event.userId : userIdOf(event.identity)
      carryOut(enqueue, removePerson(context, userId ?? '', event.at), event)
    }),
    noteRoom: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.room.started')
      carryOut(enqueue, noteRoom(context, event), event)
    }),
    doubtEverybody: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.room.finished')
      carryOut(enqueue, doubtEverybody(context, event), event)
    }),
    bringUp: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.joined')
      carryOut(enqueue, bringReportedUp(context, event), event)
    }),
    endSession: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.left')
      carryOut(enqueue, endSession(context, event), event)
    }),
    handOverLatecomer: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.joined')
      carryOut(enqueue, handOverLatecomer(context, event.identity, event.at), event)
    }),
    evictAgain: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.joined')
      carryOut(enqueue, evictAgain(context, event.identity), event)
    }),
    compareWithListing: enqueueActions(
      ({ context, event, enqueue }, params: { after: 'sight' | 'outage' }) => {
        assertEvent(event, 'livekit.listed')
        carryOut(enqueue, compareWithListing(context, event, params.after), event)
      },
    ),
    loseSight: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.unreachable')
      carryOut(enqueue, loseSight(context, event), event)
    }),
    regainSight: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.listed')
      carryOut(enqueue, regainSight(context, event), event)
    }),
    rotateKey: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'key.exposed')
      carryOut(enqueue, rotateKey(context, event), event)
    }),
    announcePeople: enqueueActions(({ context, event, enqueue }) => {
      if (event.type === 'key.exposed') return
      carryOut(enqueue, announcePeople(context, event), event)
    }),
    endCall: enqueueActions(({ context, event, enqueue }, params: { reason: EndReason }) => {
      if (event.type === 'key.exposed') return
      carryOut(enqueue, endCall(context, event, params.reason), event)
    }),
    recordRebuilding: assign(({ event }) => ('at' in event ? { rebuiltAt: event.at } : {})),
    ignore: enqueueActions(({ enqueue }, params: { reason: IgnoredReason }) => {
      enqueue.emit({ type: 'ignored', reason: params.reason })
    }),
    ignoreShutOut: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.joined')
      const connection = context.connections[event.identity]
      const why = connection && goneWhyOf(connection)
      enqueue.emit({
        type: 'ignored',
        reason: why === 'handover' ? 'handover' : why === 'removed' ? 'not-a-member' : 'shut-out',
      })
    }),
  },
}).createMachine({
  id: 'call',
  context: ({ input }) => emptyCall(input?.roomId ?? '', input?.timing ?? defaultTiming),
  initial: 'idle',
  states: {
    idle: {
      on: {
        'join.requested': [
          { guard: 'isMember', target: 'active', actions: ['startCall', 'admitConnection'] },
          { actions: { type: 'ignore', params: { reason: 'not-a-member' } } },
        ],
        'leave.requested': { actions: { type: 'ignore', params: { reason: 'not-in-call' } } },
        '*': { actions: { type: 'ignore', params: { reason: 'stale-call' } } },
      },
    },
    active: {
      type: 'parallel',
      always: [
        { guard: 'hasNews', actions: 'announcePeople' },
        {
          guard: 'isEmpty',
          target: 'ended',
          actions: { type: 'endCall', params: { reason: 'last-left' } },
        },
      ],
      on: {
        'room.deleted': {
          target: 'ended',
          actions: { type: 'endCall', params: { reason: 'room-deleted' } },
        },
        'calls.disabled': {
          target: 'ended',
          actions: { type: 'endCall', params: { reason: 'calls-disabled' } },
        },
        'call.closed': {
          target: 'ended',
          actions: { type: 'endCall', params: { reason: 'admin' } },
        },
      },
      states: {
        /** R33, R34: unsettled while somebody joins or is in doubt. */
        people: {
          initial: 'settled',
          on: {
            'join.requested': [
              {
                guard: and(['isMember', 'isFull']),
                actions: { type: 'ignore', params: { reason: 'call-full' } },
              },
              { guard: 'isMember', actions: 'admitConnection' },
              { actions: { type: 'ignore', params: { reason: 'not-a-member' } } },
            ],
            'leave.requested': [
              { guard: 'isClosingPage', actions: 'doubtClosingPage' },
              { guard: 'isOwnLeave', actions: 'leave' },
              { actions: { type: 'ignore', params: { reason: 'not-in-call' } } },
            ],
            'membership.lost': [
              { guard: 'wasInCall', actions: 'removePerson' },
              { actions: { type: 'ignore', params: { reason: 'not-in-call' } } },
            ],
            'livekit.participant.joined': [
              {
                guard: { type: 'isSession', params: { judged: 'unknown' } },
                actions: ['evictAgain', { type: 'ignore', params: { reason: 'unknown-identity' } }],
              },
              {
                guard: { type: 'isSession', params: { judged: 'shut-out' } },
                actions: ['evictAgain', 'ignoreShutOut'],
              },
              {
                guard: { type: 'isSession', params: { judged: 'not-a-member' } },
                actions: ['removePerson', { type: 'ignore', params: { reason: 'not-a-member' } }],
              },
              {
                guard: { type: 'isSession', params: { judged: 'not-active' } },
                actions: { type: 'ignore', params: { reason: 'not-active' } },
              },
              {
                guard: { type: 'isSession', params: { judged: 'dead' } },
                actions: { type: 'ignore', params: { reason: 'stale-session' } },
              },
              {
                guard: { type: 'isSession', params: { judged: 'overtaken' } },
                actions: ['handOverLatecomer', { type: 'ignore', params: { reason: 'handover' } }],
              },
              { actions: 'bringUp' },
            ],
            'livekit.participant.left': [
              {
                guard: 'isNeverIssued',
                actions: { type: 'ignore', params: { reason: 'unknown-identity' } },
              },
              {
                guard: 'isKnownDead',
                actions: { type: 'ignore', params: { reason: 'stale-session' } },
              },
              { actions: 'endSession' },
            ],
            'livekit.participant.aborted': {
              actions: { type: 'ignore', params: { reason: 'aborted' } },
            },
            'livekit.room.started': [
              {
                guard: 'isDeadLivekitRoom',
                actions: { type: 'ignore', params: { reason: 'stale-session' } },
              },
              { actions: 'noteRoom' },
            ],
            'livekit.room.finished': [
              {
                guard: 'isDeadLivekitRoom',
                actions: { type: 'ignore', params: { reason: 'stale-session' } },
              },
              { guard: 'isCurrentLivekitRoom', actions: 'doubtEverybody' },
              { actions: { type: 'ignore', params: { reason: 'stale-session' } } },
            ],
            'livekit.listed': [
              {
                guard: 'isUnconfirmed',
                actions: { type: 'compareWithListing', params: { after: 'outage' } },
              },
              { actions: { type: 'compareWithListing', params: { after: 'sight' } } },
            ],
            'deadline.due': [
              { guard: 'hasDuePage', actions: 'expireClosingPages' },
              { actions: { type: 'ignore', params: { reason: 'not-due' } } },
            ],
            'snapshot.rebuilt': { actions: 'recordRebuilding' },
          },
          states: {
            settled: { always: { guard: 'isUnsettled', target: 'unsettled' } },
            unsettled: { always: { guard: 'isSettled', target: 'settled' } },
          },
        },
        /** R37: unconfirmed while LiveKit cannot be asked who is connected. */
        sight: {
          initial: 'confirmed',
          states: {
            confirmed: {
              on: {
                'livekit.unreachable': [
                  {
                    guard: 'isAwayTooLong',
                    target: '#call.ended',
                    actions: { type: 'endCall', params: { reason: 'livekit-unavailable' } },
                  },
                  { target: 'unconfirmed', actions: 'loseSight' },
                ],
              },
            },
            unconfirmed: {
              on: {
                'livekit.listed': { target: 'confirmed', actions: 'regainSight' },
                'livekit.unreachable': [
                  {
                    guard: 'isAwayTooLong',
                    target: '#call.ended',
                    actions: { type: 'endCall', params: { reason: 'livekit-unavailable' } },
                  },
                  { actions: { type: 'ignore', params: { reason: 'no-change' } } },
                ],
              },
            },
          },
        },
        /** R45: stale once somebody who has it may not have it any more; then those who stay get the next. */
        key: {
          initial: 'current',
          states: {
            current: { on: { 'key.exposed': 'stale' } },
            stale: { always: { target: 'current', actions: 'rotateKey' } },
          },
        },
      },
    },
    ended: { type: 'final' },
  },
})
