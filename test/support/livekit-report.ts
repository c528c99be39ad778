/** LiveKit's webhooks as a test sends them, signed, about a person who joined over HTTP. */
import { randomUUID } from 'node:crypto'
import { decodeJwt } from 'jose'
import type { Join } from '../../server/protocol/wire.ts'
import type { ServerProcess } from './server-process.ts'
import { claimsFor, signWebhook } from './webhook-token.ts'

export interface LivekitReport {
  event: 'participant_joined' | 'participant_left' | 'room_started' | 'room_finished'
  /** Whose session it is about; the token says the identity and the room. */
  join: Join
  participantSid?: string
  roomSid?: string
  reason?: string
  /** The same twice is a retry (R23). */
  webhookId?: string
}

/** Gives the status of the answer; rejects when there was none. */
export async function sendReport(
  server: Pick<ServerProcess, 'url' | 'livekit'>,
  report: LivekitReport,
): Promise<number> {
  const { event, join, participantSid = `PA_${join.connectionId}`, roomSid = 'RM_1' } = report
  const { sub, video } = decodeJwt<{ video: { room: string } }>(join.token)
  const isPerson = event === 'participant_joined' || event === 'participant_left'
  const body = JSON.stringify({
    event,
    id: report.webhookId ?? `EV_${randomUUID()}`,
    createdAt: String(Math.floor(Date.now() / 1000)),
    room: { sid: roomSid, name: video.room },
    ...(isPerson && {
      participant: {
        sid: participantSid,
        identity: sub,
        state: event === 'participant_joined' ? 'ACTIVE' : 'DISCONNECTED',
        joinedAtMs: String(Date.now()),
        permission: { canPublish: true, canSubscribe: true },
        ...(report.reason && { disconnectReason: report.reason }),
      },
    }),
  })
  const { apiKey, apiSecret } = server.livekit
  const response = await fetch(`${server.url}/webhooks/livekit`, {
    method: 'POST',
    headers: {
      'content-type': 'application/webhook+json',
      authorization: signWebhook({
        claims: { ...claimsFor(body, Date.now()), iss: apiKey },
        secret: apiSecret,
      }),
      connection: 'close',
    },
    body,
    signal: AbortSignal.timeout(10_000),
  })
  await response.arrayBuffer()
  return response.status
}

/** LiveKit says that the person's media is up. */
export async function reportUp(
  server: Pick<ServerProcess, 'url' | 'livekit'>,
  join: Join,
): Promise<void> {
  const status = await sendReport(server, { event: 'participant_joined', join })
  if (status !== 200) throw new Error(`the report was answered with ${status}`)
}
