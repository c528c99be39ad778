/** LiveKit's RoomService with time-outs and one typed error. */
import {
  ParticipantInfo_State,
  RoomServiceClient,
  ServerError,
  type ParticipantInfo,
} from 'livekit-server-sdk'
import type { LivekitParticipantState, LivekitSession } from '../../machines/call.events.ts'
import { inTime, toLivekitUnavailable } from './livekit-unavailable.ts'

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
  /** Resolves when LiveKit answers and takes our key. */
  ping(): Promise<void>
}

export function createLivekitRooms({
  url,
  apiKey,
  apiSecret,
  timeoutMs = 4_000,
}: {
  /** `ws(s)://` or `http(s)://`. */
  url: string
  apiKey: string
  apiSecret: string
  timeoutMs?: number
}): LivekitRooms {
  const client = new RoomServiceClient(url.replace(/^ws/i, 'http'), apiKey, apiSecret, {
    // In whole seconds; ours below is exact.
    requestTimeout: Math.ceil(timeoutMs / 1000),
    // Whoever asks asks again by itself, and the SDK's retries would outlast the time-out.
    failover: false,
  })

  async function ask<T>(answer: Promise<T>): Promise<T> {
    try {
      return await inTime(answer, timeoutMs)
    } catch (error) {
      throw toLivekitUnavailable(error, timeoutMs)
    }
  }

  return {
    async listRooms(names) {
      // LiveKit takes an empty list of names for all rooms.
      if (names?.length === 0) return []
      const rooms = await ask(client.listRooms(names))
      return rooms.map(({ name, sid, numParticipants, creationTimeMs, creationTime }) => ({
        name,
        sid,
        numParticipants,
        creationTimeMs: Number(creationTimeMs) || Number(creationTime) * 1000,
      }))
    },
    async listSessions(livekitRoomName) {
      const people = await ask(unlessGone(client.listParticipants(livekitRoomName)))
      return people === 'gone' ? [] : people.filter(isPerson).map(toSession)
    },
    async evict(livekitRoomName, identity) {
      const asked = client.removeParticipant(livekitRoomName, identity)
      return (await ask(unlessGone(asked))) === 'gone' ? 'gone' : 'removed'
    },
    async closeRoom(livekitRoomName) {
      await ask(unlessGone(client.deleteRoom(livekitRoomName)))
    },
    async ping() {
      await ask(client.listRooms(['-']))
    },
  }
}

/**
 * Only LiveKit's own word counts: a bare 404 is a proxy's, or another program's at that address, and
 * taking it for "gone" would empty calls that are on (R36).
 */
async function unlessGone<T>(asked: Promise<T>): Promise<T | 'gone'> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof ServerError && error.code === 'not_found') return 'gone'
    throw error
  }
}

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
