/** What one rule changes of a call, and the moves that all rules are made of. */
import { toIdentity, type CallContext } from './call.context.ts'
import type { CallEffect, CallEvent, EvictWhy } from './call.events.ts'
import type { CallFact } from './call.facts.ts'
import {
  isGone,
  moveConnection,
  type Connection,
  type ConnectionEvent,
} from './connection.machine.ts'

/** A change of the context with what it asks to be done. */
export interface Change {
  context: CallContext
  effects: CallEffect[]
  facts?: CallFact[]
  /** Somebody who has the key may not have it any more (R45). */
  exposesKey?: boolean
}

export type EventOf<T extends CallEvent['type']> = Extract<CallEvent, { type: T }>

export const only = (context: CallContext): Change => ({ context, effects: [] })

/** Every change of a connection goes through here, so that its person is told about (R6, R51). */
export function withConnection(
  context: CallContext,
  identity: string,
  next: Connection,
): CallContext {
  if (context.connections[identity] === next) return context
  const { untold } = context
  return {
    ...context,
    connections: { ...context.connections, [identity]: next },
    untold: untold.includes(next.userId) ? untold : [...untold, next.userId],
  }
}

export function move(context: CallContext, identity: string, event: ConnectionEvent): CallContext {
  const connection = context.connections[identity]
  if (!connection) return context
  const moved = moveConnection(connection, event)
  const next = withConnection(context, identity, moved)
  const hasGone = isGone(moved) && !isGone(connection)
  return hasGone && 'at' in event ? forgetGone(next, event.at) : next
}

/**
 * R51: how long what is gone is remembered. Longer than any token of it can live: a join token 5
 * minutes, one that LiveKit refreshed 10, and a minute of clocks that differ. Whoever shows up
 * after that is an identity that is not known, and evicted as such (R28).
 */
export const rememberGoneMs = 15 * 60_000
/** Of those that are shut out the latest: an unknown identity fares no better. */
const mostShutOut = 128
/** Of those that expired, and may come back. */
const mostExpired = 1_000

/** The call without what has been gone for long enough to do no harm any more. */
function forgetGone(context: CallContext, at: number): CallContext {
  const shutOut: [string, Connection][] = []
  const expired: [string, Connection][] = []
  let isOld = false
  for (const entry of Object.entries(context.connections)) {
    const connection = entry[1]
    if (!isGone(connection)) continue
    ;(connection.state === 'gone.expired' ? expired : shutOut).push(entry)
    if (at - (connection.goneAt ?? at) > rememberGoneMs) isOld = true
  }
  if (!isOld && shutOut.length <= mostShutOut && expired.length <= mostExpired) return context
  const kept = (list: [string, Connection][], most: number) =>
    list
      .toSorted(([, a], [, b]) => (b.goneAt ?? 0) - (a.goneAt ?? 0))
      .slice(0, most)
      .filter(([, { goneAt }]) => at - (goneAt ?? at) <= rememberGoneMs)
  // Half of them at once, so that a full memory is not sorted at every leave.
  const remembered = new Set(
    [
      ...kept(shutOut, shutOut.length > mostShutOut ? mostShutOut / 2 : mostShutOut),
      ...kept(expired, expired.length > mostExpired ? mostExpired / 2 : mostExpired),
    ].map(([identity]) => identity),
  )
  const connections = Object.fromEntries(
    Object.entries(context.connections).filter(
      ([identity, connection]) => !isGone(connection) || remembered.has(identity),
    ),
  )
  return { ...context, connections }
}

export const identityOf = (c: Connection) => toIdentity(c.userId, c.connectionId)

export function evict(context: CallContext, identity: string, why: EvictWhy): CallEffect {
  return { type: 'livekit.evict', callId: context.callId, identity, why }
}
