/** LiveKit's RoomService with time-outs and typed errors. */
import { ParticipantInfo_Kind, ParticipantInfo_State, type ParticipantInfo } from '@livekit/protocol'
import { RoomServiceClient } from 'livekit-server-sdk'
import type { LivekitParticipantState, LivekitSession } from '../../machines/call.events.ts'

export type LivekitTrouble = 'unreachable' | 'timeout' | 'unauthenticated' | 'refused'

/** LiveKit could not be asked, or refused. Holds no secret. */
export class LivekitUnavailableError extends Error {
  readonly trouble: LivekitTrouble

  constructor(trouble: LivekitTrouble, message: string) {
    super(message)
    this.name = 'LivekitUnavailableError'
    this.trouble = trouble
  }
}

export interface LivekitRooms {
  /** All rooms, or those of these names that are there. */
  listRooms(names?: string[]): Promise<{ name: string; sid: string }[]>
  /** People only; a room that is gone is an empty list (R36). */
  listSessions(livekitRoomName: string): Promise<Omit<LivekitSession, 'isMember'>[]>
  /** Who is not there is evicted already. */
  evict(livekitRoomName: string, identity: string): Promise<void>
  closeRoom(livekitRoomName: string): Promise<void>
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
  const client = new RoomServiceClient(url.replace(/^ws/, 'http'), apiKey, apiSecret, {
    requestTimeout: Math.ceil(timeoutMs / 1000),
  })

  return {
    async listRooms(names) {
      const rooms = await asking(client.listRooms(names), timeoutMs)
      return rooms.map(({ name, sid }) => ({ name, sid }))
    },
    async listSessions(livekitRoomName) {
      const people = await unlessGone(asking(client.listParticipants(livekitRoomName), timeoutMs))
      return (people ?? []).filter(isPerson).map((person) => ({
        identity: person.identity,
        participantSid: person.sid,
        state: ParticipantInfo_State[person.state] as LivekitParticipantState,
        joinedAtMs: Number(person.joinedAtMs) || Number(person.joinedAt) * 1000,
      }))
    },
    async evict(livekitRoomName, identity) {
      await unlessGone(asking(client.removeParticipant(livekitRoomName, identity), timeoutMs))
    },
    async closeRoom(livekitRoomName) {
      await unlessGone(asking(client.deleteRoom(livekitRoomName), timeoutMs))
    },
  }
}

function isPerson({ kind, permission }: ParticipantInfo): boolean {
  if (kind !== ParticipantInfo_Kind.STANDARD) return false
  return !permission?.hidden && !permission?.recorder && !permission?.agent
}

class NotFoundError extends Error {}

async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** The SDK's errors as ours; its own time-out is in whole seconds, this one is exact. */
async function asking<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new LivekitUnavailableError('timeout', `LiveKit did not answer in ${timeoutMs} ms`))
    }, timeoutMs)
  })
  try {
    return await Promise.race([answer, timeout])
  } catch (error) {
    throw toOurError(error)
  } finally {
    clearTimeout(timer)
  }
}

function toOurError(error: unknown): Error {
  if (error instanceof LivekitUnavailableError) return error
  const { status, code, name } = error as { status?: unknown; code?: unknown; name?: unknown }
  if (status === 404 || code === 'not_found') return new NotFoundError()
  if (status === 401 || status === 403) {
    return new LivekitUnavailableError('unauthenticated', 'LiveKit refused the API key or secret')
  }
  if (typeof status === 'number') {
    return new LivekitUnavailableError('refused', `LiveKit answered ${status} ${String(code)}`)
  }
  if (name === 'TimeoutError' || name === 'AbortError') {
    return new LivekitUnavailableError('timeout', 'LiveKit did not answer in time')
  }
  return new LivekitUnavailableError('unreachable', 'LiveKit cannot be reached')
}
