/**
 * Fourteen bugs, each put between the parts of the server (its store, its steps, its clock, who takes
 * LiveKit's reports), between a page's voice session and its browser, or into its rule for numbers, never
 * into the product: the simulation is worth something only if it finds every one of them.
 */
import type { CallEvent } from '../../machines/call.events.ts'
import { toIdentity } from '../../machines/call.context.ts'
import { isShutOut, type Connection } from '../../machines/connection.machine.ts'
import type { CallSnapshot } from '../../machines/decide.ts'
import { AmbiguousCommitError, type LoadedRoom, type Store } from '../../persistence/store.ts'
import type { RoomSteps } from '../../server/rooms/room-step.ts'
import { followFacts } from '../../server/protocol/follow-room.ts'
import type { Planted } from './server.ts'
import type { World } from './world.ts'

/** Changes the events that reach the call. */
function events(
  change: (event: CallEvent, call: CallSnapshot | null, at: number) => CallEvent,
): Planted {
  return {
    steps: (inner): RoomSteps => ({
      run: (roomId, needs, decide) =>
        inner.run(roomId, needs, (state, at) => {
          const decision = decide(state, at)
          const { callEvent } = decision
          if (!callEvent) return decision
          return { ...decision, callEvent: (at) => change(callEvent(at), state.call, at) }
        }),
    }),
  }
}

/** Changes how commits are answered. */
function commits(
  change: (rooms: Store['rooms'], world: World) => Store['rooms']['commit'],
): Planted {
  return {
    store: (store, world) => ({
      ...store,
      rooms: { ...store.rooms, commit: change(store.rooms, world) },
    }),
  }
}

export const plantedBugs = {
  /** A late `participant_left` of an old session counts for the new one. */
  'drop the sid check': events((event, call) => {
    if (event.type !== 'livekit.participant.left') return event
    const known = call?.context.connections[event.identity]
    if (!known || known.participantSid === null) return event
    return { ...event, participantSid: known.participantSid }
  }),

  /** What a listing shows counts for the time when it is looked at, not when it began. */
  'trust a listing begun before the deadline': events((event, call, at) => {
    if (event.type !== 'livekit.listed') return event
    const lagMs = call?.context.timing.listingLagMs ?? 0
    return { ...event, begunAt: at + lagMs, graceUntil: 0 }
  }),

  /** A start does not take up what was waited for. */
  'forget a deadline on restart': {
    store(store) {
      let isFirst = true
      return {
        ...store,
        rooms: {
          ...store.rooms,
          async load(...asked) {
            const loaded = await store.rooms.load(...asked)
            if (loaded && isFirst) forgetDeadlines(loaded)
            isFirst = false
            return loaded
          },
        },
      }
    },
  },

  /** Says that it is stored, and stores it a little later. */
  'acknowledge before commit': commits((rooms, world) => (batch) => {
    world.after(100, () => {
      rooms.commit(batch).catch(() => undefined)
    })
    return Promise.resolve(batch.map(() => 'committed' as const))
  }),

  /** The connection was lost while committing: it will have worked. */
  'guess on an ambiguous error': commits((rooms) => async (batch) => {
    try {
      return await rooms.commit(batch)
    } catch (error) {
      if (!(error instanceof AmbiguousCommitError)) throw error
      return batch.map(() => 'committed' as const)
    }
  }),

  /** A reload looks like a hang-up. */
  'take a closing page for a leave': events((event) =>
    event.type === 'leave.requested' ? { ...event, closing: false } : event,
  ),

  /** Who is a member is looked up first, and decided later. */
  'read membership before the mailbox': {
    steps: (inner, store): RoomSteps => ({
      async run(roomId, needs, decide) {
        // Where that fails, the step below says so.
        const before = await store.rooms.load(roomId, needs).catch(() => undefined)
        const members = new Set(before?.members.map((member) => member.userId))
        return inner.run(roomId, needs, (state, at) => {
          // Joins and reports only: membership itself is changed under its version.
          const decision = decide(
            {
              room: state.room,
              members: before ? members : state.members,
              heir: state.heir,
              call: state.call,
              receipt: state.receipt,
            },
            at,
          )
          return decision.callEvent ? decision : decide(state, at)
        })
      },
    }),
  },

  /** A page that left, was removed or was handed over comes in again under its old id. */
  'accept a shut-out connection id': events((event, call) => {
    if (event.type !== 'join.requested' || event.connectionId === null || !call) return event
    const known = call.context.connections[toIdentity(event.userId, event.connectionId)]
    if (known && isShutOut(known)) Object.assign(known, { state: 'gone.expired' })
    return event
  }),

  /** Waits end when the machine's clock says so, and somebody sets it (R53). */
  'wait by the machine’s clock': {
    clock: (machine) => ({ ...machine, notBefore: () => undefined, onStep: () => undefined }),
  },

  /** LiveKit is told that a report arrived before it is stored (R22). */
  'answer a webhook before it is stored': {
    webhooks: (receiver) => ({
      ...receiver,
      receive(body, authorization) {
        receiver.receive(body, authorization).catch(() => undefined)
        return Promise.resolve()
      },
    }),
  },

  /** A page sees that a number is missing, and waits for it (R48). */
  'do not ask for a gap': {
    follow: (have, facts) => ({ ...followFacts(have, facts), syncFrom: null }),
  },

  /** A page takes what it has already for news (R48). */
  'take a fact twice': {
    follow: (have, facts) => followFacts(Math.min(have, (facts[0]?.seq ?? 1) - 1), facts),
  },

  /** Our server cannot be reached for a moment, and the page takes that for its last word (F19). */
  'give up at the first passing refusal': {
    page: (ports) => ({
      ...ports,
      async join(roomId, connectionId) {
        const result = await ports.join(roomId, connectionId)
        const isPassing = 'refused' in result && result.refused === 'server-unreachable'
        return isPassing ? { refused: 'gave-up' } : result
      },
    }),
  },

  /** What is answered to a join that was given up is forgotten, not left (R16). */
  'forget a join that was answered late': {
    page(ports, world) {
      let answeredAt = -1
      return {
        ...ports,
        async join(roomId, connectionId) {
          const result = await ports.join(roomId, connectionId)
          answeredAt = world.now()
          return result
        },
        // Whoever is in the call leaves it later than it was let in.
        leave: (place, failed) =>
          world.now() === answeredAt ? Promise.resolve() : ports.leave(place, failed),
      }
    },
  },
} satisfies Record<string, Planted>

export type PlantedBug = keyof typeof plantedBugs

function forgetDeadlines({ call }: LoadedRoom): void {
  if (!call) return
  for (const { connection } of call.connections) {
    Object.assign(connection as Connection, { deadlineAt: null })
  }
}
