/**
 * The shipped server as a process, a real livekit-server that reports to it, and people with real
 * WebRTC clients: a whole house for flows.
 */
import { decodeJwt } from 'jose'
import { RoomServiceClient } from 'livekit-server-sdk'
import type { Join } from '../../server/protocol/wire.ts'
import { register, type ApiPerson } from './api-person.ts'
import { findFreePort } from './free-port.ts'
import {
  startLivekitServer,
  type LivekitServer,
  type LivekitServerOptions,
} from './livekit-server.ts'
import { joinAsPerson, type RtcPerson } from './rtc-person.ts'
import { startServer, type ServerProcess } from './server-process.ts'

export interface CallHouse {
  readonly server: ServerProcess
  readonly livekit: LivekitServer
  register(login: string): Promise<ApiPerson>
  /** Joins over HTTP and connects to LiveKit, as a page does. */
  enter(person: ApiPerson, roomId: string, page: string): Promise<Entered>
  /** LiveKit's own word, beside what our server makes of it. */
  readonly livekitRooms: RoomServiceClient
  /** Identities of who is in the LiveKit room of that join's call. */
  listed(join: Join): Promise<string[]>
  /** Everybody hangs up at LiveKit. */
  leaveAll(): Promise<void>
  dispose(): Promise<void>
}

export interface Entered {
  join: Join
  rtc: RtcPerson
}

export interface CallHouseOptions {
  /** Where LiveKit reports to. `dead`: a port where nobody listens; `none`: `--dev`. */
  webhooks?: 'server' | 'dead' | 'none'
  /** Of our server; may depend on where LiveKit listens. */
  env?: Record<string, string> | ((livekitUrl: string) => Promise<Record<string, string>>)
  livekit?: LivekitServerOptions
  /** What browsers connect to, where that is not what they are told. */
  browsersReach?(livekitUrl: string): string
}

export async function openCallHouse({
  webhooks = 'server',
  env = {},
  livekit: livekitOptions = {},
  browsersReach,
}: CallHouseOptions = {}): Promise<CallHouse> {
  const port = await findFreePort()
  const reportTo = webhooks === 'dead' ? await findFreePort() : port
  const livekit = await startLivekitServer(
    webhooks === 'none'
      ? { ...livekitOptions, dev: true }
      : { ...livekitOptions, webhookUrls: [`http://127.0.0.1:${reportTo}/webhooks/livekit`] },
  )
  const { url, apiKey, apiSecret } = livekit
  const server = await startServer({
    port,
    livekit: { url, apiKey, apiSecret },
    env: typeof env === 'function' ? await env(url) : env,
  })
  const people = new Set<RtcPerson>()

  const livekitRooms = new RoomServiceClient(url.replace('ws', 'http'), apiKey, apiSecret)

  async function leaveAll(): Promise<void> {
    const all = [...people]
    people.clear()
    await Promise.all(all.map((person) => person.leave()))
  }

  return {
    server,
    livekit,
    register: (login) => register(server.url, login),
    async enter(person, roomId, page) {
      const join = await person.join(roomId, page)
      const livekitUrl = browsersReach?.(url) ?? join.livekitUrl
      const rtc = await joinAsPerson({ ...join, livekitUrl })
      people.add(rtc)
      return { join, rtc }
    },
    livekitRooms,
    listed: async (join) =>
      (await livekitRooms.listParticipants(livekitNameOf(join))).map((p) => p.identity),
    leaveAll,
    async dispose() {
      await leaveAll()
      await livekit.dispose()
      await server.dispose()
    },
  }
}

export const livekitNameOf = ({ token }: Join) =>
  decodeJwt<{ video: { room: string } }>(token).video.room

export const identityOf = ({ token }: Join) => decodeJwt(token).sub ?? ''
