/** The HTTP API, typed by the wire's schemas. Only their types are imported: zod is not in the bundle. */
import type { Call, Fact, Health, Join, Room, User } from '../../server/protocol/wire.ts'

/** An answer that is none of success. `code` is one of the server's, or `offline` when there was no answer. */
export class ApiError extends Error {
  readonly code: string
  readonly status: number
  readonly details: Readonly<Record<string, unknown>>

  constructor(
    code: string,
    status: number,
    message: string,
    details: Record<string, unknown> = {},
  ) {
    super(message)
    this.name = 'ApiError'
    this.code = code
    this.status = status
    this.details = details
  }
}

export interface ServerConfig {
  name: string
  version: string
  calls: { enabled: boolean }
}

export interface Timeline {
  entries: Fact[]
  users: User[]
  hasMore: boolean
}

/** No request waits without end: whoever asked must be able to say so and to ask again. */
export const answerWithinMs = 20_000
/** A join is given up much sooner, but its answer is waited for: it has to be left (R16). */
export const joinWithinMs = 120_000

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

async function ask<T>(
  method: Method,
  path: string,
  body?: unknown,
  withinMs = answerWithinMs,
): Promise<T> {
  let response: Response
  let answer: unknown
  try {
    response = await fetch(path, {
      method,
      credentials: 'same-origin',
      signal: AbortSignal.timeout(withinMs),
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    if (response.status === 204) return undefined as T
    // An answer that breaks off is none; what is not ours, of a proxy for example, may be no JSON.
    const text = await response.text()
    answer = response.ok ? JSON.parse(text) : parseIfJson(text)
  } catch (cause) {
    if (cause instanceof SyntaxError) {
      throw new ApiError('unavailable', 0, 'the answer is not of this server')
    }
    throw new ApiError('offline', 0, 'the server cannot be reached')
  }
  if (response.ok) return answer as T
  const error = (
    answer as { error?: { code: string; message: string; details: Record<string, unknown> } } | null
  )?.error
  throw new ApiError(
    error?.code ?? 'unavailable',
    response.status,
    error?.message ?? `the server answered ${response.status}`,
    error?.details,
  )
}

function parseIfJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const room = (roomId: string) => `/api/rooms/${encodeURIComponent(roomId)}`

export const api = {
  config: () => ask<ServerConfig>('GET', '/api/config'),
  register: (account: {
    login: string
    password: string
    displayName?: string
    setupCode?: string
  }) => ask<{ user: User }>('POST', '/api/auth/register', account),
  signIn: (account: { login: string; password: string }) =>
    ask<{ user: User }>('POST', '/api/auth/login', account),
  signOut: () => ask<void>('POST', '/api/auth/logout'),
  me: () => ask<{ user: User }>('GET', '/api/me'),
  /** For admins only. */
  health: () => ask<Health>('GET', '/api/admin/health'),
  deleteMe: (password: string) => ask<void>('DELETE', '/api/me', { password }),
  findUsers: (query: string) =>
    ask<{ users: User[] }>('GET', `/api/users?query=${encodeURIComponent(query)}`),

  rooms: () => ask<{ rooms: Room[] }>('GET', '/api/rooms'),
  publicRooms: () => ask<{ rooms: Room[] }>('GET', '/api/rooms?scope=public'),
  createRoom: (made: { name: string; visibility: 'public' | 'private' }) =>
    ask<Room>('POST', '/api/rooms', made),
  room: (roomId: string) => ask<Room>('GET', room(roomId)),
  changeRoom: (roomId: string, change: { name?: string; visibility?: 'public' | 'private' }) =>
    ask<Room>('PATCH', room(roomId), change),
  deleteRoom: (roomId: string) => ask<void>('DELETE', room(roomId)),
  members: (roomId: string) => ask<{ members: User[] }>('GET', `${room(roomId)}/members`),
  addMember: (roomId: string, userId: string) =>
    ask<void>('PUT', `${room(roomId)}/members/${encodeURIComponent(userId)}`),
  removeMember: (roomId: string, userId: string) =>
    ask<void>('DELETE', `${room(roomId)}/members/${encodeURIComponent(userId)}`),
  openDm: (userId: string) => ask<Room>('POST', '/api/dms', { userId }),
  timeline: (roomId: string, before?: number) =>
    ask<Timeline>(
      'GET',
      `${room(roomId)}/timeline${before === undefined ? '' : `?before=${before}`}`,
    ),
  post: (roomId: string, message: { text: string; requestId: string }) =>
    ask<Fact>('POST', `${room(roomId)}/messages`, message),

  call: (roomId: string) => ask<Call | null>('GET', `${room(roomId)}/call`),
  joinCall: (roomId: string, { connectionId }: { connectionId?: string } = {}) =>
    ask<Join | null>(
      'POST',
      `${room(roomId)}/call/join`,
      connectionId ? { connectionId } : {},
      joinWithinMs,
    ),
  leaveCall: (
    roomId: string,
    leave: {
      callId: string
      connectionId?: string
      failed?: 'livekit-unreachable' | 'media-blocked'
    },
  ) => ask<{ left: boolean } | null>('POST', `${room(roomId)}/call/leave`, leave),
}

/** Asked by a page whose sockets fail, where they would be: the server tells its operator that it was. */
export async function serverAnswers(): Promise<boolean> {
  try {
    await ask('GET', '/api/live')
    return true
  } catch (error) {
    // Its own words for what is no socket.
    return error instanceof ApiError && error.code === 'not-found'
  }
}

/** Said by a page that closes; it outlives the page (R17). */
export function leaveBeacon(roomId: string, leave: { callId: string; connectionId: string }): void {
  const body = JSON.stringify({ ...leave, closing: true })
  navigator.sendBeacon(`${room(roomId)}/call/leave`, new Blob([body], { type: 'application/json' }))
}
