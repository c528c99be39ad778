/**
 * Turns LiveKit's reports into call events. Pure. The body is protojson: lowerCamel names, 64-bit
 * integers as strings, enums by name, zero values left out.
 */
import type {
  CallEvent,
  IgnoredReason,
  LivekitParticipantState,
} from '../../machines/call.events.ts'
import { DisconnectReason } from '@livekit/protocol'
import { parseLivekitRoomName } from './livekit-room-name.ts'

/** Everything but the time and the membership, which the step itself adds. */
export type ReportedEvent =
  | Without<Extract<CallEvent, { type: `livekit.participant.${string}` }>>
  | Without<Extract<CallEvent, { type: `livekit.room.${string}` }>>
type Without<E> = E extends CallEvent ? Omit<E, 'at' | 'isMember'> : never

export type Report =
  | { kind: 'call-event'; webhookId: string; roomId: string; event: ReportedEvent }
  | {
      kind: 'ignored'
      reason: IgnoredReason
      event: string
      roomId: string | null
      callId: string | null
      identity: string | null
    }
  | { kind: 'malformed' }

type Json = Record<string, unknown>

const states: readonly LivekitParticipantState[] = ['JOINING', 'JOINED', 'ACTIVE', 'DISCONNECTED']
const deepestNesting = 32
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** `installationId`: reports about rooms of other installations are ignored (R24). */
export function toReport(rawBody: Buffer, installationId: string): Report {
  const body = parseBody(rawBody)
  if (!body) return { kind: 'malformed' }
  const event = text(body['event'])
  const webhookId = text(body['id'])
  if (event === null || webhookId === null || webhookId.length > 128) return { kind: 'malformed' }

  const room = object(body['room'])
  const participant = object(body['participant'])
  const identity = text(participant?.['identity'])
  const name = text(room?.['name']) === null ? undefined : parseLivekitRoomName(String(room?.['name']))
  const ignored = (reason: IgnoredReason): Report => ({
    kind: 'ignored',
    reason,
    event: event.slice(0, 64),
    roomId: name?.installationId === installationId ? name.roomId : null,
    callId: name?.callId ?? null,
    identity,
  })

  if (!isCallEvent(event)) return ignored('not-a-call-event')
  if (!name || name.installationId !== installationId) return ignored('foreign-room')
  const { roomId, callId } = name
  const livekitRoomSid = text(room?.['sid'])
  const about = { callId, livekitRoomSid }

  if (event === 'room_started' || event === 'room_finished') {
    const type = event === 'room_started' ? 'livekit.room.started' : 'livekit.room.finished'
    return { kind: 'call-event', webhookId, roomId, event: { type, ...about } }
  }

  const participantSid = text(participant?.['sid'])
  if (!participant || identity === null || participantSid === null) return { kind: 'malformed' }
  if (!isPerson(participant)) return ignored('not-a-call-event')
  const session = {
    identity,
    participantSid,
    state: stateOf(participant['state']),
    joinedAtMs: number(participant['joinedAtMs']) || number(participant['joinedAt']) * 1000,
  }
  if (event === 'participant_joined') {
    return {
      kind: 'call-event',
      webhookId,
      roomId,
      event: { type: 'livekit.participant.joined', ...about, ...session },
    }
  }
  const type =
    event === 'participant_left' ? 'livekit.participant.left' : 'livekit.participant.aborted'
  const reason = reasonOf(participant['disconnectReason'])
  return { kind: 'call-event', webhookId, roomId, event: { type, ...about, ...session, reason } }
}

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
export function isPerson(participant: Json): boolean {
  const kind = participant['kind']
  if (kind !== undefined && kind !== 'STANDARD' && kind !== 0) return false
  const permission = object(participant['permission'])
  return !(permission?.['hidden'] || permission?.['recorder'] || permission?.['agent'])
}

function stateOf(value: unknown): LivekitParticipantState {
  if (typeof value === 'number') return states[value] ?? 'JOINING'
  return states.find((state) => state === value) ?? 'JOINING'
}

function reasonOf(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, 64)
  const byNumber: Readonly<Record<number, string>> = DisconnectReason
  return typeof value === 'number' ? (byNumber[value] ?? 'UNKNOWN_REASON') : 'UNKNOWN_REASON'
}

function parseBody(rawBody: Buffer): Json | undefined {
  try {
    const value: unknown = JSON.parse(utf8.decode(rawBody))
    if (nestingOf(rawBody) > deepestNesting) return undefined
    return object(value) ?? undefined
  } catch {
    return undefined
  }
}

/** How deeply brackets nest; those within strings count too, which errs on the safe side. */
function nestingOf(rawBody: Buffer): number {
  let depth = 0
  let deepest = 0
  for (const byte of rawBody) {
    if (byte === 0x7b || byte === 0x5b) deepest = Math.max(deepest, ++depth)
    else if (byte === 0x7d || byte === 0x5d) depth -= 1
  }
  return deepest
}

function object(value: unknown): Json | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Json)
    : null
}

/** A string of a sane length, or null. */
function text(value: unknown): string | null {
  return typeof value === 'string' && value.length > 0 && value.length <= 512 ? value : null
}

/** A finite number out of a number or a string of digits, else 0. */
function number(value: unknown): number {
  const parsed = typeof value === 'string' ? Number(value) : value
  return typeof parsed === 'number' && Number.isFinite(parsed) && parsed >= 0 ? parsed : 0
}
