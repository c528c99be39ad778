/** LiveKit as calls need it: one interface, over the network here, over none in a simulation. */
import type { LivekitSession } from '../../machines/call.events.ts'
import type { LivekitAccess } from './livekit-access.ts'
import { createLivekitRooms } from './room-service.ts'
import { issueToken } from './tokens.ts'
import { verifyWebhook, type WebhookVerdict } from './webhook-signature.ts'

/** What it is asked throws `LivekitUnavailable` when it cannot be, and nothing else. */
export interface LivekitPort {
  /** All rooms, or those of these names that are there. */
  listRooms(names?: string[]): Promise<{ name: string; sid: string }[]>
  /** People only, in any state; a room that is gone is an empty list (R36). */
  listSessions(livekitRoomName: string): Promise<Omit<LivekitSession, 'isMember'>[]>
  evict(livekitRoomName: string, identity: string): Promise<unknown>
  closeRoom(livekitRoomName: string): Promise<unknown>
  /** There it is, made or found. */
  openRoom(livekitRoomName: string): Promise<unknown>
  /** A short-lived token for one identity in one LiveKit room (R4). */
  issueToken(grant: {
    livekitRoomName: string
    identity: string
  }): Promise<{ token: string; expiresAt: number }>
  /** As this browser reaches it. */
  urlFor(origin: { secure: boolean; host: string }): string
  /** Whether a webhook is its own (R21). */
  verify(rawBody: Buffer, authorization: string | undefined): WebhookVerdict
}

/** `wall`: this machine's clock, by which tokens and signatures count. */
export function createLivekitPort(
  access: LivekitAccess,
  { wall, onClock }: { wall(): number; onClock(skewMs: number): void },
): LivekitPort {
  return {
    ...createLivekitRooms({ ...access, wall, onClock }),
    urlFor: access.urlFor,
    issueToken: (grant) => issueToken({ ...access, ...grant, now: wall() }),
    verify: (rawBody, authorization) => verifyWebhook(access, rawBody, authorization, wall()),
  }
}
