/** A person with an account, as their client talks to the server: HTTP, checked against the wire's schemas. */
import {
  callSchema,
  factSchema,
  joinSchema,
  leaveAnswer,
  roomSchema,
  sessionAnswer,
  timelineAnswer,
  type Call,
  type Fact,
  type Join,
  type Room,
} from '../../server/protocol/wire.ts'

export interface Answer {
  status: number
  body: unknown
}

export interface ApiPerson {
  readonly id: string
  readonly login: string
  /** Of the session. */
  readonly token: string
  /** Rejects only when there was no answer; 204 has a body of null. */
  request(method: string, path: string, body?: unknown): Promise<Answer>
  /** The rest rejects unless the answer is 2xx. */
  createRoom(name: string, visibility?: 'public' | 'private'): Promise<Room>
  addMember(roomId: string, whom: ApiPerson): Promise<void>
  removeMember(roomId: string, whom: ApiPerson): Promise<void>
  join(roomId: string, connectionId?: string): Promise<Join>
  leave(roomId: string, callId: string, connectionId?: string): Promise<boolean>
  /** What a page's beacon says (R17). */
  close(join: Join): Promise<void>
  call(roomId: string): Promise<Call | null>
  /** `['ada connected', …]`, by login as long as nobody chose another display name. */
  shown(roomId: string): Promise<string[]>
  room(roomId: string): Promise<Room>
  timeline(roomId: string): Promise<Fact[]>
  post(roomId: string, text: string): Promise<Fact>
}

export const goodPassword = 'correct horse battery'

export async function register(serverUrl: string, login: string): Promise<ApiPerson> {
  const answer = await send(serverUrl, null, 'POST', '/api/auth/register', {
    login,
    password: goodPassword,
    displayName: login,
  })
  const { user, token } = sessionAnswer.parse(okay(answer, `${login} registers`))
  return toPerson(serverUrl, { id: user.id, login, token })
}

/** The same person by way of another server on the same database. */
export function via(serverUrl: string, person: ApiPerson): ApiPerson {
  return toPerson(serverUrl, person)
}

function toPerson(
  serverUrl: string,
  { id, login, token }: Pick<ApiPerson, 'id' | 'login' | 'token'>,
): ApiPerson {
  const request = (method: string, path: string, body?: unknown) =>
    send(serverUrl, token, method, path, body)
  const ask = async (method: string, path: string, body?: unknown) =>
    okay(await request(method, path, body), `${login}: ${method} ${path}`)

  const call = async (roomId: string) =>
    callSchema.nullable().parse(await ask('GET', `/api/rooms/${roomId}/call`))
  return {
    id,
    login,
    token,
    request,
    call,
    createRoom: async (name, visibility = 'public') =>
      roomSchema.parse(await ask('POST', '/api/rooms', { name, visibility })),
    async addMember(roomId, whom) {
      await ask('PUT', `/api/rooms/${roomId}/members/${whom.id}`)
    },
    async removeMember(roomId, whom) {
      await ask('DELETE', `/api/rooms/${roomId}/members/${whom.id}`)
    },
    join: async (roomId, connectionId) =>
      joinSchema.parse(
        await ask('POST', `/api/rooms/${roomId}/call/join`, connectionId ? { connectionId } : {}),
      ),
    async leave(roomId, callId, connectionId) {
      const body = { callId, ...(connectionId && { connectionId }) }
      return leaveAnswer.parse(await ask('POST', `/api/rooms/${roomId}/call/leave`, body))!.left
    },
    async close({ callId, connectionId, call: { roomId } }) {
      await ask('POST', `/api/rooms/${roomId}/call/leave`, { callId, connectionId, closing: true })
    },
    shown: async (roomId) =>
      ((await call(roomId))?.participants ?? []).map((p) => `${p.displayName} ${p.state}`),
    room: async (roomId) => roomSchema.parse(await ask('GET', `/api/rooms/${roomId}`)),
    timeline: async (roomId) =>
      timelineAnswer.parse(await ask('GET', `/api/rooms/${roomId}/timeline?limit=200`)).entries,
    post: async (roomId, text) =>
      factSchema.parse(await ask('POST', `/api/rooms/${roomId}/messages`, { text })),
  }
}

async function send(
  serverUrl: string,
  token: string | null,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const response = await fetch(`${serverUrl}${path}`, {
    method,
    headers: {
      ...(token !== null && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      // A connection that outlives its server would fail the first request to the next one.
      connection: 'close',
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(15_000),
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? null : JSON.parse(text) }
}

function okay({ status, body }: Answer, what: string): unknown {
  if (status >= 200 && status < 300) return body
  throw new Error(`${what}: ${status} ${JSON.stringify(body)}`)
}
