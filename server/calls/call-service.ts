/** Joining and leaving calls, and looking at them. */
import { toIdentity } from '../../machines/call.context.ts'
import type { CallContext } from '../../machines/call.context.ts'
import type { Store } from '../../persistence/store.ts'
import type { SignedIn } from '../auth/signed-in.ts'
import { AppError } from '../errors.ts'
import type { LivekitPort } from '../livekit/livekit-port.ts'
import type { Call, Join } from '../protocol/wire.ts'
import type { RoomState, RoomSteps } from '../rooms/room-step.ts'
import type { RoomViews } from '../rooms/room-views.ts'
import type { CallKeys } from './call-keys.ts'

/** Every answer is null while calls are disabled (R50). */
export interface CallService {
  readonly enabled: boolean
  list(me: SignedIn): Promise<{ calls: Call[] } | null>
  get(me: SignedIn, roomId: string): Promise<Call | null>
  /** `origin`: the address that the browser came by; the embedded media server's url is made from it. */
  join(
    me: SignedIn,
    roomId: string,
    request: { connectionId?: string | undefined },
    origin: { secure: boolean; host: string },
  ): Promise<Join | null>
  leave(
    me: SignedIn,
    roomId: string,
    request: {
      callId: string
      connectionId?: string | undefined
      closing?: boolean | undefined
      /** Why the page gave its join up. */
      failed?: 'livekit-unreachable' | 'media-blocked' | undefined
    },
  ): Promise<{ left: boolean } | null>
}

export interface CallServiceDeps {
  store: Pick<Store, 'rooms' | 'calls'>
  steps: RoomSteps
  views: RoomViews
  keys: CallKeys
  newId(): string
  toName(roomId: string, callId: string): string
  /** Null while calls are disabled. */
  livekit:
    | (Pick<LivekitPort, 'urlFor' | 'issueToken'> & {
        /** As far as it can be had now; never rejects. */
        openRoom(livekitRoomName: string): Promise<void>
        /** A page that was let in could not get there. */
        joinFailed(why: 'livekit-unreachable' | 'media-blocked'): void
      })
    | null
}

interface Joined {
  context: CallContext
  connectionId: string
  /** The room's number that the call was at. */
  seq: number
}

export function createCallService(deps: CallServiceDeps): CallService {
  const { store, steps, views, keys, livekit } = deps

  function admit(me: SignedIn, roomId: string, connectionId: string | null): Promise<Joined> {
    const userId = me.user.id
    const freshConnectionId = deps.newId()
    const freshCallId = deps.newId()
    return steps.run(roomId, { members: [userId] }, (state) => {
      // Read under the version that the commit checks (R3).
      const isMember = state.members.has(userId)
      if (!isMember)
        throw new AppError('not-a-member', 'only members of the room may join its call')
      return {
        callEvent: (at) => ({
          type: 'join.requested',
          at,
          userId,
          sessionId: me.sessionId,
          connectionId,
          freshConnectionId,
          freshCallId,
          isMember,
        }),
        result: ({ state, call }) => {
          if (call?.ignored === 'call-full') {
            throw new AppError('call-full', 'as many people as may be are in the call')
          }
          return toJoined(state, userId)
        },
      }
    })
  }

  async function join(
    me: SignedIn,
    roomId: string,
    connectionId: string | null,
    url: string,
    { issueToken, openRoom }: NonNullable<CallServiceDeps['livekit']>,
  ): Promise<Join | 'ended-meanwhile'> {
    const joined = await admit(me, roomId, connectionId)
    const { callId } = joined.context
    const keyRow = await store.calls.key(callId)
    if (!keyRow) return 'ended-meanwhile'
    const identity = toIdentity(me.user.id, joined.connectionId)
    const livekitRoomName = deps.toName(roomId, callId)
    const [{ token, expiresAt }, call] = await Promise.all([
      issueToken({ livekitRoomName, identity }),
      views.showCall(joined.context, joined.seq),
      openRoom(livekitRoomName),
    ])
    return {
      callId,
      connectionId: joined.connectionId,
      livekitUrl: url,
      token,
      tokenExpiresAt: expiresAt,
      e2eeKey: keys.open(keyRow),
      keyEpoch: keyRow.keyEpoch,
      call,
    }
  }

  return {
    enabled: livekit !== null,

    async list(me) {
      if (!livekit) return null
      const rooms = await store.rooms.listOf(me.user.id)
      const calls = await Promise.all(rooms.map((room) => views.toCall(room)))
      return { calls: calls.filter((call) => call !== null) }
    },

    async get(me, roomId) {
      if (!livekit) return null
      const summary = await store.rooms.find(roomId)
      if (!summary || summary.room.deletedAt !== null) {
        throw new AppError('not-found', 'there is no such room')
      }
      if (!(await store.rooms.isMember(roomId, me.user.id))) {
        throw new AppError('not-a-member', 'only members of the room may see its call')
      }
      return views.toCall(summary)
    },

    async join(me, roomId, { connectionId = null }, origin) {
      if (!livekit) return null
      const url = livekit.urlFor(origin)
      // A call that ended between the commit and reading its key is joined once more (R4).
      for (let tries = 0; tries < 2; tries++) {
        const joined = await join(me, roomId, connectionId, url, livekit)
        if (joined !== 'ended-meanwhile') return joined
      }
      throw new AppError('call-ended', 'the call ended while it was joined')
    },

    async leave(me, roomId, { callId, connectionId = null, closing = false, failed }) {
      if (!livekit) return null
      const userId = me.user.id
      const answer = await steps.run(roomId, { members: [userId] }, (state) => {
        // Somebody who was removed has left already; anybody else is told that it is not theirs.
        const tookPart = state.call?.context.tookPart.includes(userId) ?? false
        if (!state.members.has(userId) && !tookPart) {
          throw new AppError('not-a-member', 'only members of the room may leave its call')
        }
        return {
          callEvent: (at) => ({
            type: 'leave.requested',
            at,
            callId,
            userId,
            connectionId,
            closing,
          }),
          result: ({ call }) => ({ left: !closing && call !== null && call.ignored === null }),
        }
      })
      if (failed && answer.left) livekit.joinFailed(failed)
      return answer
    },
  }
}

/** The connection that joined last is the one that was just admitted (R8). */
function toJoined({ call, room }: RoomState, userId: string): Joined {
  if (!call) throw new AppError('call-ended', 'the call ended while it was joined')
  const { context } = call
  return { context, connectionId: latestOf(context, userId), seq: room.seq }
}

function latestOf(context: CallContext, userId: string): string {
  let latest: { connectionId: string; joinOrder: number } | null = null
  for (const connection of Object.values(context.connections)) {
    if (connection.userId !== userId) continue
    if (!latest || connection.joinOrder > latest.joinOrder) latest = connection
  }
  if (!latest) throw new Error(`no connection of ${userId} after its join`)
  return latest.connectionId
}
