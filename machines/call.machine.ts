/**
 * A room's call: idle → active → ended.
 *
 * Pure: it has no clock, chance, I/O or secret (I6). It decides; the mailbox commits. Facts and
 * effects leave it as emitted events; an event that changes nothing says why (`ignored`).
 */
import { and, assertEvent, assign, enqueueActions, setup } from 'xstate'
import { announcePeople, endCall } from './call.announcing.ts'
import { admitConnection, isAdoptable, startCall } from './call.joining.ts'
import {
  doubtClosingPage,
  duePages,
  expireClosingPages,
  leave,
  namedByLeave,
  removePerson,
  rotateKey,
} from './call.leaving.ts'
import { awaySince, compareWithListing, loseSight } from './call.listing.ts'
import {
  bringUp,
  doubtEverybody,
  endSession,
  evictAgain,
  handOverLatecomer,
  noteRoom,
} from './call.reports.ts'
import {
  connectionsOf,
  defaultTiming,
  emptyCall,
  isDeadSession,
  isFullFor,
  isOvertaken,
  liveConnections,
  type CallContext,
  type CallTiming,
} from './call.context.ts'
import type { CallEffect, CallEvent, IgnoredReason } from './call.events.ts'
import type { CallFact, EndReason } from './call.facts.ts'
import { isShutOut, type Connection } from './connection.machine.ts'

/** What a transition gives out: facts to record, effects to run, or why there were none. */
export type CallEmission = CallFact | CallEffect | { type: 'ignored'; reason: IgnoredReason }

/** Raised when the stored shape changes, so that an old snapshot is not taken for a new one. */
export const callMachineVersion = 1

const reportTypes = [
  'livekit.participant.joined',
  'livekit.participant.left',
  'livekit.participant.aborted',
] as const

/** The connection that a participant report speaks of, when this server issued it. */
function reported(context: CallContext, event: CallEvent): Connection | undefined {
  assertEvent(event, reportTypes)
  return context.connections[event.identity]
}

export const callMachine = setup({
  types: {
    context: {} as CallContext,
    events: {} as CallEvent,
    emitted: {} as CallEmission,
    input: {} as { roomId: string; timing: CallTiming },
  },
  guards: {
    isMember: ({ event }) => 'isMember' in event && event.isMember,
    isNotMember: ({ event }) => 'isMember' in event && !event.isMember,
    isOtherCall: ({ context, event }) => 'callId' in event && event.callId !== context.callId,
    isFull: ({ context, event }) => {
      assertEvent(event, 'join.requested')
      return isFullFor(context, event.userId)
    },
    isNeverIssued: ({ context, event }) => {
      assertEvent(event, reportTypes)
      return reported(context, event) === undefined && !isAdoptable(context, event)
    },
    isShutOut: ({ context, event }) => {
      const connection = reported(context, event)
      return connection !== undefined && isShutOut(connection)
    },
    isNotActive: ({ event }) => 'state' in event && event.state !== 'ACTIVE',
    isDeadSession: ({ context, event }) => {
      assertEvent(event, reportTypes)
      const connection = context.connections[event.identity]
      return connection !== undefined && isDeadSession(context, connection, event)
    },
    isKnownDead: ({ context, event }) => {
      assertEvent(event, reportTypes)
      const connection = context.connections[event.identity]
      return connection?.deadSids.includes(event.participantSid) ?? false
    },
    isGone: ({ context, event }) => reported(context, event)?.state === 'gone',
    isOvertaken: ({ context, event }) => {
      const connection = reported(context, event)
      return connection !== undefined && isOvertaken(context, connection)
    },
    isClosingPage: ({ context, event }) => {
      assertEvent(event, 'leave.requested')
      return (
        event.closing && namedByLeave(context, event).some((c) => c.state !== 'gone' && !c.closing)
      )
    },
    isOwnLeave: ({ context, event }) => {
      assertEvent(event, 'leave.requested')
      return !event.closing && namedByLeave(context, event).length > 0
    },
    wasInCall: ({ context, event }) => {
      assertEvent(event, 'membership.lost')
      return connectionsOf(context, event.userId).some((c) => c.goneWhy !== 'removed')
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
    hasDuePage: ({ context, event }) => duePages(context, event.at).length > 0,
    isConfirmed: ({ context }) => context.confirmed,
    isAwayTooLong: ({ context, event }) => {
      assertEvent(event, 'livekit.unreachable')
      return event.at - awaySince(context, event) >= context.timing.livekitAwayMs
    },
    isEmpty: ({ context }) => liveConnections(context).length === 0,
  },
  actions: {
    startCall: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'join.requested')
      const { context: next, effects } = startCall(context, event)
      enqueue.assign(next)
      effects.forEach((effect) => enqueue.emit(effect))
      enqueue.emit({
        type: 'call.started',
        at: event.at,
        by: event.userId,
        source: 'user',
        callId: event.freshCallId,
      })
    }),
    admitConnection: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'join.requested')
      const { context: next, effects } = admitConnection(context, event)
      enqueue.assign(next)
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    leave: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'leave.requested')
      const { context: next, effects } = leave(context, event)
      enqueue.assign(next)
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    doubtClosingPage: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'leave.requested')
      enqueue.assign(doubtClosingPage(context, event).context)
    }),
    removePerson: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, ['membership.lost', 'livekit.participant.joined'])
      const userId =
        event.type === 'membership.lost' ? event.userId : reported(context, event)?.userId
      const { context: next, effects } = removePerson(context, userId ?? '', event.at)
      enqueue.assign(next)
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    noteRoom: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.room.started')
      enqueue.assign(noteRoom(context, event).context)
    }),
    doubtEverybody: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.room.finished')
      enqueue.assign(doubtEverybody(context, event).context)
    }),
    bringUp: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.joined')
      const { context: next, effects } = bringUp(context, event)
      enqueue.assign(next)
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    endSession: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.left')
      enqueue.assign(endSession(context, event).context)
    }),
    handOverLatecomer: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.participant.joined')
      const { context: next, effects } = handOverLatecomer(context, event)
      enqueue.assign(next)
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    evictAgain: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, reportTypes)
      evictAgain(context, event).effects.forEach((effect) => enqueue.emit(effect))
    }),
    compareWithListing: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.listed')
      const { context: next, facts = [], effects } = compareWithListing(context, event)
      enqueue.assign(next)
      facts.forEach((fact) => enqueue.emit(fact))
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    loseSight: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'livekit.unreachable')
      const { context: next, facts = [] } = loseSight(context, event)
      enqueue.assign(next)
      facts.forEach((fact) => enqueue.emit(fact))
    }),
    rotateKey: enqueueActions(({ context, event, enqueue }) => {
      const { context: next, facts = [], effects } = rotateKey(context, event)
      enqueue.assign(next)
      facts.forEach((fact) => enqueue.emit(fact))
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    expireClosingPages: enqueueActions(({ context, event, enqueue }) => {
      assertEvent(event, 'deadline.due')
      enqueue.assign(expireClosingPages(context, event).context)
    }),
    recordRebuilding: assign(({ event }) => ({ rebuiltAt: event.at })),
    announcePeople: enqueueActions(({ context, event, enqueue }) => {
      const { context: next, facts } = announcePeople(context, event)
      enqueue.assign(next)
      facts.forEach((fact) => enqueue.emit(fact))
    }),
    endCall: enqueueActions(({ context, event, enqueue }, params: { reason: EndReason }) => {
      const { context: next, facts, effects } = endCall(context, event, params.reason)
      enqueue.assign(next)
      facts.forEach((fact) => enqueue.emit(fact))
      effects.forEach((effect) => enqueue.emit(effect))
    }),
    ignore: enqueueActions(({ enqueue }, params: { reason: IgnoredReason }) => {
      enqueue.emit({ type: 'ignored', reason: params.reason })
    }),
    ignoreShutOut: enqueueActions(({ context, event, enqueue }) => {
      const why = reported(context, event)?.goneWhy
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
          {
            guard: 'isMember',
            target: 'active',
            actions: ['startCall', 'admitConnection', 'announcePeople'],
          },
          { actions: { type: 'ignore', params: { reason: 'not-a-member' } } },
        ],
        'leave.requested': { actions: { type: 'ignore', params: { reason: 'not-in-call' } } },
        '*': { actions: { type: 'ignore', params: { reason: 'stale-call' } } },
      },
    },
    active: {
      always: {
        guard: 'isEmpty',
        target: 'ended',
        actions: { type: 'endCall', params: { reason: 'last-left' } },
      },
      on: {
        'join.requested': [
          {
            guard: and(['isMember', 'isFull']),
            actions: { type: 'ignore', params: { reason: 'call-full' } },
          },
          { guard: 'isMember', actions: ['admitConnection', 'announcePeople'] },
          { actions: { type: 'ignore', params: { reason: 'not-a-member' } } },
        ],
        'leave.requested': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          { guard: 'isClosingPage', actions: ['doubtClosingPage', 'announcePeople'] },
          { guard: 'isOwnLeave', actions: ['leave', 'announcePeople'] },
          { actions: { type: 'ignore', params: { reason: 'not-in-call' } } },
        ],
        'membership.lost': [
          { guard: 'wasInCall', actions: ['removePerson', 'announcePeople', 'rotateKey'] },
          { actions: { type: 'ignore', params: { reason: 'not-in-call' } } },
        ],
        'room.deleted': {
          target: 'ended',
          actions: { type: 'endCall', params: { reason: 'room-deleted' } },
        },
        'calls.disabled': {
          target: 'ended',
          actions: { type: 'endCall', params: { reason: 'calls-disabled' } },
        },
        'call.closed': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          { target: 'ended', actions: { type: 'endCall', params: { reason: 'admin' } } },
        ],
        'livekit.participant.joined': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          {
            guard: 'isNeverIssued',
            actions: ['evictAgain', { type: 'ignore', params: { reason: 'unknown-identity' } }],
          },
          { guard: 'isShutOut', actions: ['evictAgain', 'ignoreShutOut'] },
          {
            guard: 'isNotMember',
            actions: [
              'removePerson',
              'announcePeople',
              'rotateKey',
              { type: 'ignore', params: { reason: 'not-a-member' } },
            ],
          },
          {
            guard: 'isNotActive',
            actions: { type: 'ignore', params: { reason: 'not-active' } },
          },
          {
            guard: 'isDeadSession',
            actions: { type: 'ignore', params: { reason: 'stale-session' } },
          },
          {
            guard: and(['isGone', 'isOvertaken']),
            actions: ['handOverLatecomer', { type: 'ignore', params: { reason: 'handover' } }],
          },
          { actions: ['bringUp', 'announcePeople'] },
        ],
        'livekit.participant.left': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          {
            guard: 'isNeverIssued',
            actions: { type: 'ignore', params: { reason: 'unknown-identity' } },
          },
          {
            guard: 'isKnownDead',
            actions: { type: 'ignore', params: { reason: 'stale-session' } },
          },
          { actions: ['endSession', 'announcePeople'] },
        ],
        'livekit.participant.aborted': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          { actions: { type: 'ignore', params: { reason: 'aborted' } } },
        ],
        'livekit.room.started': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          {
            guard: 'isDeadLivekitRoom',
            actions: { type: 'ignore', params: { reason: 'stale-session' } },
          },
          { actions: ['noteRoom', 'announcePeople'] },
        ],
        'livekit.room.finished': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          {
            guard: 'isDeadLivekitRoom',
            actions: { type: 'ignore', params: { reason: 'stale-session' } },
          },
          { guard: 'isCurrentLivekitRoom', actions: ['doubtEverybody', 'announcePeople'] },
          { actions: { type: 'ignore', params: { reason: 'stale-session' } } },
        ],
        'livekit.listed': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          { actions: ['compareWithListing', 'announcePeople', 'rotateKey'] },
        ],
        'livekit.unreachable': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          {
            guard: 'isAwayTooLong',
            target: 'ended',
            actions: { type: 'endCall', params: { reason: 'livekit-unavailable' } },
          },
          { guard: 'isConfirmed', actions: 'loseSight' },
          { actions: { type: 'ignore', params: { reason: 'no-change' } } },
        ],
        'snapshot.rebuilt': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          { actions: 'recordRebuilding' },
        ],
        'deadline.due': [
          {
            guard: 'isOtherCall',
            actions: { type: 'ignore', params: { reason: 'stale-call' } },
          },
          { guard: 'hasDuePage', actions: ['expireClosingPages', 'announcePeople'] },
          { actions: { type: 'ignore', params: { reason: 'not-due' } } },
        ],
      },
    },
    ended: { type: 'final' },
  },
})
