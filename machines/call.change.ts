/** What one rule changes of a call, and the moves that all rules are made of. */
import { toIdentity, type CallContext } from './call.context.ts'
import type { CallEffect, CallEvent, EvictWhy } from './call.events.ts'
import type { CallFact } from './call.facts.ts'
import { moveConnection, type Connection, type ConnectionEvent } from './connection.machine.ts'

/** A change of the context with what it asks to be done. */
export interface Change {
  context: CallContext
  effects: CallEffect[]
  facts?: CallFact[]
}

export type EventOf<T extends CallEvent['type']> = Extract<CallEvent, { type: T }>

export const only = (context: CallContext): Change => ({ context, effects: [] })

export function withConnection(
  context: CallContext,
  identity: string,
  next: Connection,
): CallContext {
  if (context.connections[identity] === next) return context
  return { ...context, connections: { ...context.connections, [identity]: next } }
}

export function move(context: CallContext, identity: string, event: ConnectionEvent): CallContext {
  const connection = context.connections[identity]
  return connection ? withConnection(context, identity, moveConnection(connection, event)) : context
}

export const identityOf = (c: Connection) => toIdentity(c.userId, c.connectionId)

export function evict(context: CallContext, identity: string, why: EvictWhy): CallEffect {
  return { type: 'livekit.evict', callId: context.callId, identity, why }
}
