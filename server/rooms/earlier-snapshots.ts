/** What earlier versions stored of a call, in the shapes of today. */
import type { CallContext } from '../../machines/call.context.ts'
import type { Connection, ConnectionState } from '../../machines/connection.machine.ts'

/** Version 1 kept in flags what the chart of today says. */
interface FirstConnection extends Omit<Connection, 'state'> {
  state: 'joining' | 'connected' | 'doubtful' | 'gone'
  closing: boolean
  goneWhy: 'left' | 'expired' | 'closed' | 'removed' | 'handover' | null
}

interface FirstContext extends Omit<CallContext, 'connections' | 'people' | 'untold'> {
  connections: Record<string, FirstConnection>
  people: Record<string, CallContext['people'][string] & { hasBeenConnected: boolean }>
  keyIsStale: boolean
  confirmed: boolean
}

/** A connection as any version stored it, in a snapshot or a step. */
export function toPresentConnection(stored: Connection | FirstConnection): Connection {
  if (!('closing' in stored)) return stored
  const { state, closing, goneWhy, ...rest } = stored
  return { ...rest, state: presentState(state, closing, goneWhy) }
}

function presentState(
  state: FirstConnection['state'],
  closing: boolean,
  goneWhy: FirstConnection['goneWhy'],
): ConnectionState {
  switch (state) {
    case 'joining':
    case 'connected':
      return state
    case 'doubtful':
      return closing ? 'doubtful.closing' : 'doubtful.away'
    case 'gone':
      return goneWhy === null || goneWhy === 'expired' ? 'gone.expired' : `gone.shutOut.${goneWhy}`
    default:
      return state satisfies never
  }
}

/** A whole context as `version` stored it. */
export function toPresentContext(version: number, stored: object): object {
  if (version > 1) return stored
  const {
    keyIsStale: _stale,
    confirmed: _confirmed,
    connections,
    people,
    ...rest
  } = stored as FirstContext
  return {
    ...rest,
    connections: mapValues(connections, toPresentConnection),
    people: mapValues(people, ({ joinedAt, shown }) => ({ joinedAt, shown })),
  }
}

function mapValues<T, U>(record: Record<string, T>, change: (value: T) => U): Record<string, U> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]))
}
