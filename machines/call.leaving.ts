/** How people go, by their own word or because they lost the room, and the key with them (R12–R18, R45). */
import { evict, identityOf, move, only, type Change, type EventOf } from './call.change.ts'
import { connectionsOf, liveConnections, toIdentity, type CallContext } from './call.context.ts'
import type { CallEffect, KeyExposed } from './call.events.ts'
import { isClosing, isShutOut, type Connection } from './connection.machine.ts'

/** R12, R13: by own wish; an expired connection counts from then on as one that left. */
export function leave(context: CallContext, event: EventOf<'leave.requested'>): Change {
  const { at } = event
  const effects: CallEffect[] = []
  let next = context
  for (const connection of namedByLeave(context, event)) {
    const identity = identityOf(connection)
    next = move(next, identity, { type: 'left', at })
    effects.push(evict(next, identity, 'left'))
  }
  return { context: next, effects }
}

/** The connections that a leave ends: of its own person only, and not those shut out already. */
export function namedByLeave(
  context: CallContext,
  event: EventOf<'leave.requested'>,
): Connection[] {
  return connectionsOf(context, event.userId).filter(
    (c) => !isShutOut(c) && (event.connectionId === null || c.connectionId === event.connectionId),
  )
}

/** R17: a page that closes puts its connection in doubt; a reload looks the same. */
export function doubtClosingPage(context: CallContext, event: EventOf<'leave.requested'>): Change {
  const deadlineAt = event.at + context.timing.doubtMs
  const identity = toIdentity(event.userId, event.connectionId ?? '')
  return only(move(context, identity, { type: 'page.closing', deadlineAt }))
}

/** R17, R34: the doubt of a closing page ends without asking. */
export function expireClosingPages(context: CallContext, event: EventOf<'deadline.due'>): Change {
  let next = context
  for (const connection of duePages(context, event.at)) {
    next = move(next, identityOf(connection), { type: 'deadline.passed', at: event.at })
  }
  return only(next)
}

export function duePages(context: CallContext, at: number): Connection[] {
  return liveConnections(context).filter(
    (c) => isClosing(c) && c.deadlineAt !== null && c.deadlineAt <= at,
  )
}

/** Whoever took part has the key, remembered or not (R51), unless it was rotated because of them. */
export function knowsKey(context: CallContext, userId: string): boolean {
  const remembered = connectionsOf(context, userId)
  if (remembered.length === 0) return context.tookPart.includes(userId)
  return remembered.some((c) => c.state !== 'gone.shutOut.removed')
}

/** R18: who lost the room loses the call in the same step, and what they know of its key is worth nothing soon. */
export function removePerson(context: CallContext, userId: string, at: number): Change {
  const effects: CallEffect[] = []
  let next = context
  for (const connection of connectionsOf(context, userId)) {
    if (connection.state === 'gone.shutOut.removed') continue
    const identity = identityOf(connection)
    next = move(next, identity, { type: 'removed', at })
    effects.push(evict(next, identity, 'removed'))
  }
  return { context: next, effects, exposesKey: knowsKey(context, userId) }
}

/** R45: those who stay get the next key. */
export function rotateKey(context: CallContext, { at, by, source }: KeyExposed): Change {
  const { callId } = context
  const keyEpoch = context.keyEpoch + 1
  return {
    context: { ...context, keyEpoch },
    effects: [{ type: 'key.mint', callId, keyEpoch }],
    facts: [{ type: 'key.rotated', at, by, source, callId, keyEpoch }],
  }
}
