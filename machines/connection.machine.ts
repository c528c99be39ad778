/**
 * One browser's place in a call (`callId, userId, connectionId`).
 *
 * Pure and without effects: the call moves it by `moveConnection` and keeps the result in its own
 * context. Times come in with the events; what a deadline leads to is the call's business.
 */
import { and, assign, getInitialSnapshot, setup } from 'xstate'
import { createTransition } from './pure-transition.ts'

/** Why a connection is gone. All but `expired` shut it out for the rest of the call (R18). */
export type GoneWhy = 'left' | 'expired' | 'closed' | 'removed' | 'handover'

export interface ConnectionContext {
  userId: string
  connectionId: string
  /** The session of its latest join. Its id, not its token. */
  sessionId: string
  /** The call's running number of this connection's latest join: the highest of a person wins (R9). */
  joinOrder: number
  joinedAt: number
  /** LiveKit's session of this connection that was seen last. */
  participantSid: string | null
  /** LiveKit's `joinedAtMs` of that session; orders sessions (R30). */
  sessionJoinedAt: number
  /** When a report or listing last showed that session up. */
  lastSeenAt: number
  /** Sessions that are over: a late report or a stale listing of one counts as nothing (R30). */
  deadSids: string[]
  /** While joining: R7's. In doubt: R34's. */
  deadlineAt: number | null
  /** The page said that it closes: only a join clears this doubt, and it ends unasked (R17, R34). */
  closing: boolean
  goneWhy: GoneWhy | null
  goneAt: number | null
}

export type ConnectionEvent =
  | { type: 'join.repeated'; at: number; sessionId: string; joinOrder: number; deadlineAt: number }
  | { type: 'media.up'; participantSid: string; sessionJoinedAt: number; at: number }
  | { type: 'media.over'; participantSid: string }
  | { type: 'doubted'; deadlineAt: number }
  | { type: 'page.closing'; deadlineAt: number }
  | { type: 'deadline.postponed'; deadlineAt: number }
  | { type: 'deadline.passed'; at: number }
  | { type: 'shut.out'; why: Exclude<GoneWhy, 'expired' | 'closed'>; at: number }

/** What a join says of its connection. */
type JoinedAs = Pick<
  ConnectionContext,
  'userId' | 'connectionId' | 'sessionId' | 'joinOrder' | 'joinedAt'
> & { deadlineAt: number }

export const connectionMachine = setup({
  types: {
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    input: {} as JoinedAs,
  },
  guards: {
    hasLiveSession: ({ context }) =>
      context.participantSid !== null && !context.deadSids.includes(context.participantSid),
    pageIsClosing: ({ context }) => context.closing,
    hasExpired: ({ context }) => context.goneWhy === 'expired',
    isAnotherSession: ({ context, event }) =>
      event.type === 'media.up' && event.participantSid !== context.participantSid,
  },
  actions: {
    renewJoin: assign(({ event }) => {
      if (event.type !== 'join.repeated') return {}
      const { sessionId, joinOrder, deadlineAt } = event
      return { sessionId, joinOrder, deadlineAt, closing: false, goneWhy: null, goneAt: null }
    }),
    clearDeadline: assign({ deadlineAt: null }),
    recordSession: assign(({ context, event }) => {
      if (event.type !== 'media.up') return {}
      return {
        participantSid: event.participantSid,
        sessionJoinedAt: event.sessionJoinedAt,
        lastSeenAt: Math.max(context.lastSeenAt, event.at),
      }
    }),
    comeBack: assign({ goneWhy: null, goneAt: null }),
    burySession: assign(({ context, event }) => {
      if (event.type !== 'media.over' || context.deadSids.includes(event.participantSid)) return {}
      return { deadSids: [...context.deadSids, event.participantSid] }
    }),
    setDeadline: assign(({ event }) =>
      event.type === 'doubted' ||
      event.type === 'page.closing' ||
      event.type === 'deadline.postponed'
        ? { deadlineAt: event.deadlineAt }
        : {},
    ),
    markClosing: assign({ closing: true }),
    recordExpiry: assign(({ context, event }) => ({
      goneWhy: context.closing ? ('closed' as const) : ('expired' as const),
      goneAt: 'at' in event ? event.at : context.goneAt,
      deadlineAt: null,
    })),
    recordShutOut: assign(({ event }) =>
      event.type === 'shut.out' ? { goneWhy: event.why, goneAt: event.at, deadlineAt: null } : {},
    ),
  },
}).createMachine({
  id: 'connection',
  context: ({ input }) => ({
    userId: input?.userId ?? '',
    connectionId: input?.connectionId ?? '',
    sessionId: input?.sessionId ?? '',
    joinOrder: input?.joinOrder ?? 0,
    joinedAt: input?.joinedAt ?? 0,
    participantSid: null,
    sessionJoinedAt: 0,
    lastSeenAt: 0,
    deadSids: [],
    deadlineAt: input?.deadlineAt ?? null,
    closing: false,
    goneWhy: null,
    goneAt: null,
  }),
  initial: 'joining',
  on: {
    'media.over': { actions: 'burySession' },
    'shut.out': { target: '.gone', actions: 'recordShutOut' },
  },
  states: {
    joining: {
      on: {
        'join.repeated': { actions: 'renewJoin' },
        'media.up': { target: 'connected', actions: ['recordSession', 'clearDeadline'] },
        'page.closing': { target: 'doubtful', actions: ['markClosing', 'setDeadline'] },
        'deadline.postponed': { actions: 'setDeadline' },
        'deadline.passed': { target: 'gone', actions: 'recordExpiry' },
      },
    },
    connected: {
      on: {
        'join.repeated': { actions: ['renewJoin', 'clearDeadline'] },
        'media.up': { guard: 'isAnotherSession', actions: 'recordSession' },
        doubted: { target: 'doubtful', actions: 'setDeadline' },
        'page.closing': { target: 'doubtful', actions: ['markClosing', 'setDeadline'] },
      },
    },
    doubtful: {
      on: {
        'join.repeated': [
          {
            guard: 'hasLiveSession',
            target: 'connected',
            actions: ['renewJoin', 'clearDeadline'],
          },
          { target: 'joining', actions: 'renewJoin' },
        ],
        'media.up': [
          { guard: and(['pageIsClosing', 'isAnotherSession']), actions: 'recordSession' },
          { guard: 'pageIsClosing' },
          { target: 'connected', actions: ['recordSession', 'clearDeadline'] },
        ],
        'page.closing': { actions: 'markClosing' },
        'deadline.postponed': { actions: 'setDeadline' },
        'deadline.passed': { target: 'gone', actions: 'recordExpiry' },
      },
    },
    gone: {
      on: {
        'join.repeated': {
          guard: 'hasExpired',
          target: 'joining',
          actions: 'renewJoin',
        },
        'media.up': {
          guard: 'hasExpired',
          target: 'connected',
          actions: ['comeBack', 'recordSession'],
        },
      },
    },
  },
})

export type ConnectionState = 'joining' | 'connected' | 'doubtful' | 'gone'

/** A connection as the call keeps it: the machine's value and its context, plain JSON. */
export interface Connection extends ConnectionContext {
  state: ConnectionState
}

const nobody: JoinedAs = {
  userId: '',
  connectionId: '',
  sessionId: '',
  joinOrder: 0,
  joinedAt: 0,
  deadlineAt: 0,
}
const transition = createTransition(connectionMachine, nobody)

const { context: nobodysContext } = getInitialSnapshot(connectionMachine, nobody)
const at = (value: ConnectionState) =>
  connectionMachine.resolveState({ value, context: nobodysContext })

/** One snapshot per state, to be had with any context. */
const snapshots: Record<ConnectionState, ReturnType<typeof at>> = {
  joining: at('joining'),
  connected: at('connected'),
  doubtful: at('doubtful'),
  gone: at('gone'),
}

/** A connection that has just asked to join. */
export function openConnection(input: JoinedAs): Connection {
  return toConnection(getInitialSnapshot(connectionMachine, input))
}

/** The connection after `event`; the same object when nothing changed. */
export function moveConnection(connection: Connection, event: ConnectionEvent): Connection {
  const { state, ...context } = connection
  const from = { ...snapshots[state], context }
  const next = toConnection(transition(from, event)[0])
  const keys = Object.keys(next) as (keyof Connection)[]
  return keys.every((key) => next[key] === connection[key]) ? connection : next
}

function toConnection(snapshot: { value: unknown; context: ConnectionContext }): Connection {
  return { ...snapshot.context, state: snapshot.value as ConnectionState }
}

/** Gone for good in this call: its id is never accepted again, and it is evicted wherever it shows up (R18). */
export function isShutOut(connection: Connection): boolean {
  return connection.state === 'gone' && connection.goneWhy !== 'expired'
}
