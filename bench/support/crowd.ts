/** People, rooms and calls on a server process, made over HTTP as fast as it goes. */
import { startServer, type ServerProcess } from '../../test/support/server-process.ts'
import type { Join, Room, User } from '../../server/protocol/wire.ts'
import { flood, toRequest } from './flood.ts'

export interface Member {
  user: User
  token: string
}

const atOnce = 64

export const portOf = (server: ServerProcess) => Number(new URL(server.url).port)

/** Nothing but what is measured: no limits, no listings, little log. */
export const benchEnv: Readonly<Record<string, string>> = {
  CHATTO_LOG_LEVEL: 'error',
  CHATTO_LIMITS_SOCKET_MESSAGES_PER_SECOND: '0',
  CHATTO_CALLS_DOUBT_S: '600',
  CHATTO_CALLS_JOIN_DEADLINE_S: '3600',
  CHATTO_CALLS_LISTING_INTERVAL_S: '600',
  CHATTO_CALLS_RESTLESS_INTERVAL_S: '60',
}

export function startBenchServer(env: Record<string, string> = {}): Promise<ServerProcess> {
  return startServer({ env: { ...benchEnv, ...env } })
}

export async function ask<T>(
  server: ServerProcess,
  requests: { method: string; path: string; by?: Member; body?: unknown }[],
  outstanding = atOnce,
): Promise<T[]> {
  const raw = requests.map(({ method, path, by, body }) =>
    toRequest(
      method,
      path,
      {
        ...(by && { authorization: `Bearer ${by.token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      body === undefined ? '' : JSON.stringify(body),
    ),
  )
  const { answers } = await flood(portOf(server), raw, outstanding)
  return answers.map(({ status, body }, i) => {
    if (status >= 300) throw new Error(`${requests[i]?.path} was answered with ${status}: ${body}`)
    return (body === '' ? null : JSON.parse(body)) as T
  })
}

/** One hash at a time: a person takes some 40 ms. */
export function signUp(server: ServerProcess, logins: string[]): Promise<Member[]> {
  return ask<Member>(
    server,
    logins.map((login) => ({
      method: 'POST',
      path: '/api/auth/register',
      body: { login, password: 'correct horse battery' },
    })),
    4,
  )
}

/** Rooms of the first person, with all the others in them. */
export async function makeRooms(
  server: ServerProcess,
  people: Member[],
  count: number,
): Promise<Room[]> {
  const [owner, ...others] = people
  if (!owner) throw new Error('nobody is there')
  const rooms = await ask<Room>(
    server,
    Array.from({ length: count }, (_, i) => ({
      method: 'POST',
      path: '/api/rooms',
      by: owner,
      body: { name: `Room ${i}`, visibility: 'public' },
    })),
  )
  await ask(
    server,
    rooms.flatMap((room) =>
      others.map((by) => ({
        method: 'PUT',
        path: `/api/rooms/${room.id}/members/${by.user.id}`,
        by,
      })),
    ),
  )
  return rooms
}

export function joinAll(
  server: ServerProcess,
  rooms: readonly { id: string }[],
  people: Member[],
  outstanding = atOnce,
): Promise<Join[]> {
  return ask<Join>(
    server,
    rooms.flatMap((room) =>
      people.map((by) => ({ method: 'POST', path: `/api/rooms/${room.id}/call/join`, by })),
    ),
    outstanding,
  )
}
