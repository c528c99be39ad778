/**
 * Turns LiveKit's reports into call events. Pure. The body is protojson: lowerCamel names, 64-bit
 * integers as strings, enums by name (numbers are taken, too), zero values left out.
 */
import type {
  CallEvent,
  IgnoredReason,
  LivekitParticipantState,
} from '../../machines/call.events.ts'
import { toDisconnectReason } from './disconnect-reason.ts'
import { parseLivekitRoomName } from './livekit-room-name.ts'
import { fits, parseProtojson, type Json } from './protojson.ts'

/** Everything but the time and the membership, which the step itself adds. */
export type ReportedEvent =
  | Without<Extract<CallEvent, { type: `livekit.participant.${string}` }>>
  | Without<Extract<CallEvent, { type: `livekit.room.${string}` }>>
type Without<E> = E extends CallEvent ? Omit<E, 'at' | 'isMember'> : never

export type Report =
  | {
      kind: 'call-event'
      webhookId: string
      roomId: string
      /** As LiveKit calls it. */
      name: string
      event: ReportedEvent
    }
  | {
      kind: 'ignored'
      reason: IgnoredReason
      event: string
      roomId: string | null
      callId: string | null
      identity: string | null
    }
  | { kind: 'malformed' }

const malformed: Report = { kind: 'malformed' }
const states: readonly LivekitParticipantState[] = ['JOINING', 'JOINED', 'ACTIVE', 'DISCONNECTED']
const maxTextLength = 512
const maxWebhookIdLength = 128

/** `installationId`: reports about rooms of other installations are ignored (R24). */
export function toReport(rawBody: Buffer, installationId: string): Report {
  const body = parseProtojson(rawBody)
  if (!body || !fits(body, { id: 'text', event: 'text', room: 'object', participant: 'object' })) {
    return malformed
  }
  const webhookId = text(body['id'])
  const event = text(body['event'])
  if (event === null || webhookId === null || webhookId.length > maxWebhookIdLength)
    return malformed

  const room = object(body['room'])
  if (!fits(room, { name: 'text', sid: 'text' })) return malformed
  const participant = object(body['participant'])
  if (!fits(participant, participantShape)) return malformed
  const permission = object(participant['permission'])
  if (!fits(permission, permissionShape)) return malformed

  const identity = text(participant['identity'])
  const parsed = parseLivekitRoomName(text(room['name']) ?? '')
  const name = parsed?.installationId === installationId ? parsed : undefined
  const ignored = (reason: IgnoredReason): Report => ({
    kind: 'ignored',
    reason,
    event: event.slice(0, 64),
    roomId: name?.roomId ?? null,
    callId: parsed?.callId ?? null,
    identity,
  })

  if (!isCallEvent(event)) return ignored('not-a-call-event')
  if (!name) return ignored('foreign-room')
  const { roomId, callId } = name
  const about = { callId, livekitRoomSid: text(room['sid']) }
  const callEvent = (it: ReportedEvent): Report => ({
    kind: 'call-event',
    webhookId,
    roomId,
    name: event,
    event: it,
  })
  if (event === 'room_started' || event === 'room_finished') {
    const type = event === 'room_started' ? 'livekit.room.started' : 'livekit.room.finished'
    return callEvent({ type, ...about })
  }

  const participantSid = text(participant['sid'])
  if (identity === null || participantSid === null) return malformed
  if (!isPerson(participant, permission)) return ignored('not-a-call-event')
  const session = {
    identity,
    participantSid,
    state: toState(participant['state']),
    joinedAtMs: integer(participant['joinedAtMs']) || integer(participant['joinedAt']) * 1000,
  }
  if (event === 'participant_joined') {
    return callEvent({ type: 'livekit.participant.joined', ...about, ...session })
  }
  const type =
    event === 'participant_left' ? 'livekit.participant.left' : 'livekit.participant.aborted'
  const reason = toDisconnectReason(participant['disconnectReason'])
  return callEvent({ type, ...about, ...session, reason })
}

const participantShape = {
  identity: 'text',
  sid: 'text',
  state: 'enum',
  kind: 'enum',
  disconnectReason: 'enum',
  joinedAt: 'integer',
  joinedAtMs: 'integer',
  permission: 'object',
} as const

const permissionShape = { hidden: 'boolean', recorder: 'boolean', agent: 'boolean' } as const

const callEvents = [
  'room_started',
  'room_finished',
  'participant_joined',
  'participant_left',
  'participant_connection_aborted',
] as const

function isCallEvent(event: string): event is (typeof callEvents)[number] {
  return callEvents.some((known) => known === event)
}

/** Agents, egress, recorders and hidden participants are not members of a call (R28). */
function isPerson({ kind }: Json, { hidden, recorder, agent }: Json): boolean {
  const isStandard = kind === undefined || kind === null || kind === 'STANDARD' || kind === 0
  return isStandard && !hidden && !recorder && !agent
}

function toState(value: unknown): LivekitParticipantState {
  if (typeof value === 'number') return states[value] ?? 'JOINING'
  return states.find((state) => state === value) ?? 'JOINING'
}

/** What is missing has only zero values. */
function object(value: unknown): Json {
  return (value ?? {}) as Json
}

/** A text of a sane length, or null. */
function text(value: unknown): string | null {
  return typeof value === 'string' && value.length > 0 && value.length <= maxTextLength
    ? value
    : null
}

function integer(value: unknown): number {
  return Math.max(0, Number(value ?? 0))
}
