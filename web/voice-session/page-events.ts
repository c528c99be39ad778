/** Ties the voice session to the page, to the live socket and to who is signed in. */
import { hasPlace } from '../../machines/voice-session.machine.ts'
import { callEnded, keyChanged, reconnected } from '../live/live-events.ts'
import { roomsStore } from '../stores/rooms.store.ts'
import { sessionStore, type SessionState } from '../stores/session.store.ts'
import { savePlace } from './saved-place.ts'
import type { VoiceSession } from './voice-session.types.ts'

export function followPage(session: VoiceSession): void {
  const { actor } = session
  const resumed = () => actor.send({ type: 'page.resumed' })
  window.addEventListener('pagehide', () => session.closePage())
  window.addEventListener('pageshow', (event) => {
    // Out of the back button's cache.
    if (event.persisted) resumed()
  })
  document.addEventListener('resume', resumed)
  window.addEventListener('online', () => actor.send({ type: 'network.online' }))
}

export function followServer(session: VoiceSession): void {
  const { actor } = session
  keyChanged.on(({ callId, keyEpoch, e2eeKey }) => session.rotateKey(callId, keyEpoch, e2eeKey))
  reconnected.on(() => void session.refreshKey())
  callEnded.on(({ callId, reason }) =>
    actor.send({
      type: 'call.over',
      callId,
      reason: reason === 'calls-disabled' ? 'calls-off' : 'call-ended',
    }),
  )
  /** Our call, once the rooms' store has shown it: only then its absence means something. */
  let seen: string | null = null
  roomsStore.subscribe(({ context }) => {
    const { roomId, callId } = actor.getSnapshot().context
    if (roomId === null || !context.loaded) return
    const room = context.rooms[roomId]
    if (!room) {
      actor.send({ type: 'room.gone', roomId })
      return
    }
    if (callId === null) return
    if (room.call?.callId === callId) seen = callId
    // A view in place of a long backlog brings no fact of the end.
    else if (seen === callId) actor.send({ type: 'call.over', callId, reason: 'call-ended' })
  })
}

/**
 * A page that was loaded again comes back into its call; who signs out, or whose session somebody ended,
 * leaves it. A session that is over by its time takes no call away: it goes on until the person at the
 * door signs in again or leaves it.
 */
export function followSignIn(session: VoiceSession, storage: Storage): void {
  let before: SessionState | null = null
  /** Whose call it is. */
  let userId: string | null = null

  const isIn = () => hasPlace(session.actor.getSnapshot())

  function signedIn(id: string): void {
    const isFirst = userId === null
    const isSame = userId === id
    userId = id
    if (isFirst) session.comeBack()
    // The key may have changed while nobody could tell this page.
    else if (isSame) void session.refreshKey()
    else session.actor.send({ type: 'leave.requested' })
  }

  function signedOut(hasExpired: boolean, from: SessionState | null): void {
    const wasIn = isIn()
    if (wasIn && hasExpired) {
      sessionStore.trigger.callAtDoor({ call: 'goes-on' })
      return
    }
    session.actor.send({ type: 'leave.requested' })
    // Whoever signs in next in this tab was not in that call.
    if (from !== 'signed-in') savePlace(storage, null)
    if (wasIn && sessionStore.getSnapshot().context.wasEnded) {
      sessionStore.trigger.callAtDoor({ call: 'over' })
    }
  }

  sessionStore.subscribe(({ context: { state, me, hasExpired } }) => {
    if (state === before) return
    const from = before
    before = state
    if (state === 'signed-in' && me) signedIn(me.id)
    if (state === 'signed-out') signedOut(hasExpired, from)
  })
}
