/** LiveKit's RoomService with time-outs and one typed error. */
import { ParticipantInfo, ParticipantInfo_State, Room } from 'livekit-server-sdk'
import type { LivekitParticipantState, LivekitSession } from '../../machines/call.events.ts'
import { notLivekit } from './livekit-unavailable.ts'
import { createTwirpClient, type Json, type TwirpOptions } from './twirp-client.ts'

export interface LivekitRoom {
  name: string
  /** Another one means that LiveKit lost the room and made it anew (R31). */
  sid: string
  /** May be stale: the sessions themselves count. */
  numParticipants: number
  creationTimeMs: number
}

/** Every method throws `LivekitUnavailable` and nothing else. */
export interface LivekitRooms {
  /** All rooms, or those of these names that are there. */
  listRooms(names?: string[]): Promise<LivekitRoom[]>
  /** People only, in any state; a room that is gone is an empty list (R36). */
  listSessions(livekitRoomName: string): Promise<Omit<LivekitSession, 'isMember'>[]>
  /** `gone`: was not there. */
  evict(livekitRoomName: string, identity: string): Promise<'removed' | 'gone'>
  /** A room that is gone is closed already. */
  closeRoom(livekitRoomName: string): Promise<void>
  /** There it is, made or found; also where LiveKit makes none by itself (`room.auto_create: false`). */
  openRoom(livekitRoomName: string): Promise<void>
  /** Resolves when LiveKit answers and takes our key. */
  ping(): Promise<void>
}

/** How long LiveKit keeps an empty room: past a join’s deadline (R7), past the last person’s doubt (R34). */
export const roomTimeouts = { emptyTimeout: 60, departureTimeout: 20 }

export function createLivekitRooms(
  options: Omit<TwirpOptions, 'timeoutMs'> & { timeoutMs?: number },
): LivekitRooms {
  const twirp = createTwirpClient({ timeoutMs: 4_000, ...options })

  /** The messages under that name in an answer; LiveKit leaves out what is empty. */
  function listIn<T>(answer: Json | 'not_found', name: string, read: (one: Json) => T): T[] {
    const list = answer === 'not_found' ? [] : (answer[name] ?? [])
    try {
      if (!Array.isArray(list)) throw new TypeError('no list')
      return (list as Json[]).map(read)
    } catch {
      throw notLivekit(options.url)
    }
  }

  return {
    async listRooms(names) {
      // LiveKit takes an empty list of names for all rooms.
      if (names?.length === 0) return []
      return toRooms(await twirp.request('ListRooms', { names: names ?? [] }, { roomList: true }))
    },
    async listSessions(room) {
      const answer = await twirp.request('ListParticipants', { room }, { roomAdmin: true, room })
      return listIn(answer, 'participants', toParticipant).filter(isPerson).map(toSession)
    },
    async evict(room, identity) {
      const grant = { roomAdmin: true, room }
      const answer = await twirp.request('RemoveParticipant', { room, identity }, grant)
      return answer === 'not_found' ? 'gone' : 'removed'
    },
    async closeRoom(room) {
      await twirp.request('DeleteRoom', { room }, { roomCreate: true })
    },
    async openRoom(name) {
      await twirp.request('CreateRoom', { name, ...roomTimeouts }, { roomCreate: true })
    },
    async ping() {
      await twirp.request('ListRooms', { names: ['-'] }, { roomList: true })
    },
  }

  function toRooms(answer: Json | 'not_found'): LivekitRoom[] {
    return listIn(answer, 'rooms', (one) => {
      const room = Room.fromJson(one as never, { ignoreUnknownFields: true })
      const { name, sid, numParticipants, creationTimeMs, creationTime } = room
      const createdAtMs = Number(creationTimeMs) || Number(creationTime) * 1000
      return { name, sid, numParticipants, creationTimeMs: createdAtMs }
    })
  }
}

const toParticipant = (one: Json) =>
  ParticipantInfo.fromJson(one as never, { ignoreUnknownFields: true })

/** Agents, egress, recorders and hidden participants are left alone (R28). Kind 0 is `STANDARD`. */
function isPerson({ kind, permission }: ParticipantInfo): boolean {
  if (kind !== 0) return false
  return !permission?.hidden && !permission?.recorder && !permission?.agent
}

function toSession(person: ParticipantInfo): Omit<LivekitSession, 'isMember'> {
  return {
    identity: person.identity,
    participantSid: person.sid,
    state: toState(person.state),
    joinedAtMs: Number(person.joinedAtMs) || Number(person.joinedAt) * 1000,
  }
}

function toState(state: ParticipantInfo_State): LivekitParticipantState {
  switch (state) {
    case ParticipantInfo_State.JOINED:
      return 'JOINED'
    case ParticipantInfo_State.ACTIVE:
      return 'ACTIVE'
    case ParticipantInfo_State.DISCONNECTED:
      return 'DISCONNECTED'
    default:
      return 'JOINING'
  }
}
