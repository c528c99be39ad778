/**
 * One browser's place in a call (`callId, userId, connectionId`).
 *
 * Pure and without effects: the call moves it by `moveConnection` and keeps the result in its own
 * context. Times come in with the events; what a deadline leads to is the call's business.
 */
import { assign, getInitialSnapshot, setup, type StateValue } from 'xstate'
import { createTransition } from './pure-transition.ts'

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
  /** The latest sessions that are over: a late report or a stale listing of one counts as nothing (R30). */
  deadSids: string[]
  /** While joining: R7's. In doubt: R34's. */
  deadlineAt: number | null
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
  | { type: 'left'; at: number }
  | { type: 'removed'; at: number }
  | { type: 'handed.over'; at: number }

/** What a join says of its connection. */
type JoinedAs = Pick<
  ConnectionContext,
  'userId' | 'connectionId' | 'sessionId' | 'joinOrder' | 'joinedAt'
> & { deadlineAt: number }

/** Older ones are told from the present session by LiveKit's times (R30, R51). */
const mostDeadSids = 16

export const connectionMachine = setup({
  types: {
    context: {} as ConnectionContext,
    events: {} as ConnectionEvent,
    input: {} as JoinedAs,
  },
  guards: {
    hasLiveSession: ({ context }) =>
      context.participantSid !== null && !context.deadSids.includes(context.participantSid),
    isAnotherSession: ({ context, event }) =>
      event.type === 'media.up' && event.participantSid !== context.participantSid,
    isLaterDeadline: ({ context, event }) =>
      event.type === 'deadline.postponed' &&
      context.deadlineAt !== null &&
      event.deadlineAt > context.deadlineAt,
  },
  actions: {
    renewJoin: assign(({ event }) => {
      if (event.type !== 'join.repeated') return {}
      const { sessionId, joinOrder, deadlineAt } = event
      return { sessionId, joinOrder, deadlineAt, goneAt: null }
    }),
    clearDeadline: assign({ deadlineAt: null }),
    recordSession: assign(({ context, event }) => {
      if (event.type !== 'media.up') return {}
      return {
        participantSid: event.participantSid,
        sessionJoinedAt: event.sessionJoinedAt,
        lastSeenAt: Math.max(context.lastSeenAt, event.at),
        goneAt: null,
      }
    }),
    burySession: assign(({ context, event }) => {
      if (event.type !== 'media.over' || context.deadSids.includes(event.participantSid)) return {}
      return { deadSids: [...context.deadSids, event.participantSid].slice(-mostDeadSids) }
    }),
    setDeadline: assign(({ event }) =>
      'deadlineAt' in event ? { deadlineAt: event.deadlineAt } : {},
    ),
    recordEnd: assign(({ event }) => ('at' in event ? { goneAt: event.at, deadlineAt: null } : {})),
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
    goneAt: null,
  }),
  initial: 'joining',
  on: {
    'media.over': { actions: 'burySession' },
    left: { target: '.gone.shutOut.left', actions: 'recordEnd' },
    removed: { target: '.gone.shutOut.removed', actions: 'recordEnd' },
    'handed.over': { target: '.gone.shutOut.handover', actions: 'recordEnd' },
  },
  states: {
    joining: {
      on: {
        'join.repeated': { actions: 'renewJoin' },
        'media.up': { target: 'connected', actions: ['recordSession', 'clearDeadline'] },
        'page.closing': { target: 'doubtful.closing', actions: 'setDeadline' },
        'deadline.postponed': { guard: 'isLaterDeadline', actions: 'setDeadline' },
        'deadline.passed': { target: 'gone.expired', actions: 'recordEnd' },
      },
    },
    connected: {
      on: {
        'join.repeated': { actions: ['renewJoin', 'clearDeadline'] },
        'media.up': { guard: 'isAnotherSession', actions: 'recordSession' },
        doubted: { target: 'doubtful.away', actions: 'setDeadline' },
        'page.closing': { target: 'doubtful.closing', actions: 'setDeadline' },
      },
    },
    /** R34: stays in the call until its deadline, which further doubt does not move. */
    doubtful: {
      initial: 'away',
      on: {
        'join.repeated': [
          { guard: 'hasLiveSession', target: 'connected', actions: ['renewJoin', 'clearDeadline'] },
          { target: 'joining', actions: 'renewJoin' },
        ],
      },
      states: {
        /** LiveKit does not show it: whatever does clears the doubt. */
        away: {
          on: {
            'media.up': {
              target: '#connection.connected',
              actions: ['recordSession', 'clearDeadline'],
            },
            'page.closing': { target: 'closing' },
            'deadline.postponed': { guard: 'isLaterDeadline', actions: 'setDeadline' },
            'deadline.passed': { target: '#connection.gone.expired', actions: 'recordEnd' },
          },
        },
        /** Its page said that it closes: only a join clears this doubt, and it ends unasked (R17). */
        closing: {
          on: {
            'media.up': { guard: 'isAnotherSession', actions: 'recordSession' },
            'deadline.passed': { target: '#connection.gone.shutOut.closed', actions: 'recordEnd' },
          },
        },
      },
    },
    gone: {
      initial: 'expired',
      states: {
        /** Nothing was seen of it in time; it may come back (R27). */
        expired: {
          on: {
            'join.repeated': { target: '#connection.joining', actions: 'renewJoin' },
            'media.up': { target: '#connection.connected', actions: 'recordSession' },
          },
        },
        /** R18: its id is not accepted again, and it is evicted wherever it shows up. */
        shutOut: {
          initial: 'left',
          states: { left: {}, closed: {}, removed: {}, handover: {} },
        },
      },
    },
  },
})

/** Why a connection is gone. All but `expired` shut it out (R18). */
export type GoneWhy = 'left' | 'expired' | 'closed' | 'removed' | 'handover'

/** What a state means to those who ask about a connection. */
interface Meaning {
  phase: 'joining' | 'connected' | 'doubtful' | 'gone'
  goneWhy: GoneWhy | null
}

const meanings = {
  joining: { phase: 'joining', goneWhy: null },
  connected: { phase: 'connected', goneWhy: null },
  'doubtful.away': { phase: 'doubtful', goneWhy: null },
  'doubtful.closing': { phase: 'doubtful', goneWhy: null },
  'gone.expired': { phase: 'gone', goneWhy: 'expired' },
  'gone.shutOut.left': { phase: 'gone', goneWhy: 'left' },
  'gone.shutOut.closed': { phase: 'gone', goneWhy: 'closed' },
  'gone.shutOut.removed': { phase: 'gone', goneWhy: 'removed' },
  'gone.shutOut.handover': { phase: 'gone', goneWhy: 'handover' },
} as const satisfies Record<string, Meaning>

/** The state's path in the chart; a test holds that the chart has these and no others. */
export type ConnectionState = keyof typeof meanings

export const connectionStates = Object.keys(meanings) as ConnectionState[]

/** A connection as the call keeps it: the machine's value and its context, plain JSON. */
export interface Connection extends ConnectionContext {
  state: ConnectionState
}

export const phaseOf = (connection: Connection): Meaning['phase'] =>
  meanings[connection.state].phase

export const goneWhyOf = (connection: Connection): GoneWhy | null =>
  meanings[connection.state].goneWhy

export const isGone = (connection: Connection): boolean => phaseOf(connection) === 'gone'

export const isClosing = (connection: Connection): boolean =>
  connection.state === 'doubtful.closing'

/** Gone for good: its id is not accepted again, and it is evicted wherever it shows up (R18). */
export const isShutOut = (connection: Connection): boolean =>
  isGone(connection) && connection.state !== 'gone.expired'

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

/** One snapshot per state, to be had with any context. */
const snapshots = new Map(
  connectionStates.map((state) => {
    const value = state
      .split('.')
      .reduceRight<StateValue | null>(
        (inner, key) => (inner === null ? key : { [key]: inner }),
        null,
      )
    return [state, connectionMachine.resolveState({ value: value ?? '', context: nobodysContext })]
  }),
)

/** A connection that has just asked to join. */
export function openConnection(input: JoinedAs): Connection {
  return toConnection(getInitialSnapshot(connectionMachine, input))
}

/** The connection after `event`; the same object when nothing changed. */
export function moveConnection(connection: Connection, event: ConnectionEvent): Connection {
  const { state, ...context } = connection
  const resolved = snapshots.get(state)
  if (!resolved) throw new Error(`a connection has no state ${state satisfies string}`)
  const next = toConnection(transition({ ...resolved, context }, event)[0])
  const keys = Object.keys(next) as (keyof Connection)[]
  return keys.every((key) => next[key] === connection[key]) ? connection : next
}

function toConnection(snapshot: { value: StateValue; context: ConnectionContext }): Connection {
  return { ...snapshot.context, state: pathOf(snapshot.value) as ConnectionState }
}

function pathOf(value: StateValue): string {
  if (typeof value === 'string') return value
  const [key = '', inner = ''] = Object.entries(value)[0] ?? []
  return `${key}.${pathOf(inner)}`
}
