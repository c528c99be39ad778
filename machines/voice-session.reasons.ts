/**
 * Why a browser's own place in a call is over, and what each of LiveKit's reasons for a disconnect
 * leads to. The table is exhaustive: a reason that LiveKit adds does not compile without an answer.
 */

/** The session was not let in: trying again changes nothing by itself. */
export const refusals = ['cannot-encrypt', 'not-a-member', 'call-full', 'calls-off'] as const
/** Something did not work: trying again may help. */
export const failures = [
  'server-unreachable',
  'livekit-unreachable',
  'media-blocked',
  'gave-up',
] as const
/** The call, or our part in it, is over. */
export const endings = ['moved-to-another-device', 'removed', 'room-gone', 'call-ended'] as const

export type Refusal = (typeof refusals)[number]
export type Failure = (typeof failures)[number]
export type Ending = (typeof endings)[number]
export type OverReason = Refusal | Failure | Ending

const isIn =
  <T extends string>(list: readonly T[]) =>
  (reason: string | null): reason is T =>
    list.some((known) => known === reason)
export const isRefusal = isIn(refusals)
export const isFailure = isIn(failures)
export const isOverReason = isIn([...refusals, ...failures, ...endings])

/** LiveKit's `DisconnectReason`, by name. */
export type DisconnectName =
  | 'UNKNOWN_REASON'
  | 'CLIENT_INITIATED'
  | 'DUPLICATE_IDENTITY'
  | 'SERVER_SHUTDOWN'
  | 'PARTICIPANT_REMOVED'
  | 'ROOM_DELETED'
  | 'STATE_MISMATCH'
  | 'JOIN_FAILURE'
  | 'MIGRATION'
  | 'SIGNAL_CLOSE'
  | 'ROOM_CLOSED'
  | 'USER_UNAVAILABLE'
  | 'USER_REJECTED'
  | 'SIP_TRUNK_FAILURE'
  | 'CONNECTION_TIMEOUT'
  | 'MEDIA_FAILURE'
  | 'AGENT_ERROR'

/** What our own server says of us when LiveKit lets go: LiveKit itself does not tell why it removes someone. */
export type Standing = 'in-call' | 'not-in-call' | 'call-over' | 'room-gone'

type Consequence = 'come-back' | 'ask-our-server' | Ending | Failure

/** `come-back`: rejoin by ourselves. `ask-our-server`: our standing in the call decides. */
export const afterDisconnect: Record<DisconnectName, Consequence> = {
  UNKNOWN_REASON: 'come-back',
  // A hang-up of ours is over before this arrives, so this is the browser freezing the page.
  CLIENT_INITIATED: 'come-back',
  DUPLICATE_IDENTITY: 'moved-to-another-device',
  // Comes without any retry of the SDK's: LiveKit restarts, we rejoin.
  SERVER_SHUTDOWN: 'come-back',
  PARTICIPANT_REMOVED: 'ask-our-server',
  ROOM_DELETED: 'ask-our-server',
  STATE_MISMATCH: 'come-back',
  JOIN_FAILURE: 'come-back',
  MIGRATION: 'come-back',
  SIGNAL_CLOSE: 'come-back',
  ROOM_CLOSED: 'ask-our-server',
  // The three of telephony: nobody rings a browser through LiveKit here, so there is nothing to come back to.
  USER_UNAVAILABLE: 'gave-up',
  USER_REJECTED: 'gave-up',
  SIP_TRUNK_FAILURE: 'gave-up',
  CONNECTION_TIMEOUT: 'come-back',
  MEDIA_FAILURE: 'come-back',
  AGENT_ERROR: 'come-back',
}

export function isDisconnectName(name: string | undefined): name is DisconnectName {
  return name !== undefined && Object.hasOwn(afterDisconnect, name)
}

/** What follows from an unexplained disconnect, by what our server says. */
export function endingOf(name: DisconnectName, standing: Standing): Ending {
  switch (standing) {
    case 'room-gone':
      return 'room-gone'
    case 'call-over':
      return 'call-ended'
    case 'not-in-call':
      return 'removed'
    case 'in-call':
      // Removed from LiveKit, yet our server still lists us: another page of ours took over (R9).
      // A deleted LiveKit room takes everybody out, whoever is listed.
      return name === 'PARTICIPANT_REMOVED' ? 'moved-to-another-device' : 'call-ended'
    default:
      return standing satisfies never
  }
}

/** Our server's closed code for a refused join, as the reason that it is to a session. */
export function refusalOfCode(code: string): OverReason {
  switch (code) {
    case 'call-full':
    case 'call-ended':
    case 'not-a-member':
      return code
    case 'not-found':
      return 'room-gone'
    default:
      return 'server-unreachable'
  }
}

/** What a room's call, as our server shows it, says of a person who was in the call `callId`. */
export function standingIn(
  call: { callId: string; participants: readonly { userId: string }[] } | null,
  callId: string,
  userId: string | undefined,
): Standing {
  if (call?.callId !== callId) return 'call-over'
  return call.participants.some((one) => one.userId === userId) ? 'in-call' : 'not-in-call'
}
