/** Rooms as people use them: every change is a step of the room's mailbox. */
import { createHash } from 'node:crypto'
import type { LogFact } from '../../machines/room.facts.ts'
import type { RoomSummary, Store } from '../../persistence/store.ts'
import type { SignedIn } from '../auth/signed-in.ts'
import { AppError } from '../errors.ts'
import type { Fact, Room, User } from '../protocol/wire.ts'
import type { FanOut } from '../realtime/fan-out.ts'
import { leavingOf } from './leaving.ts'
import { notFound, requireMember, requireOwner, requireVisible } from './room-permissions.ts'
import type { RoomSteps } from './room-step.ts'
import { dmKeyOf, type RoomViews } from './room-views.ts'

export interface RoomService {
  list(me: SignedIn, scope: 'mine' | 'public'): Promise<Room[]>
  create(me: SignedIn, request: { name: string; visibility: 'public' | 'private' }): Promise<Room>
  get(me: SignedIn, roomId: string): Promise<Room>
  change(
    me: SignedIn,
    roomId: string,
    change: { name?: string | undefined; visibility?: 'public' | 'private' | undefined },
  ): Promise<Room>
  delete(me: SignedIn, roomId: string): Promise<void>
  members(me: SignedIn, roomId: string): Promise<User[]>
  addMember(me: SignedIn, roomId: string, userId: string): Promise<void>
  removeMember(me: SignedIn, roomId: string, userId: string): Promise<void>
  openDm(me: SignedIn, userId: string): Promise<{ room: Room; created: boolean }>
  timeline(
    me: SignedIn,
    roomId: string,
    page: { before?: number | undefined; limit: number },
  ): Promise<{ entries: Fact[]; users: User[]; hasMore: boolean }>
  post(
    me: SignedIn,
    roomId: string,
    message: { text: string; requestId?: string | undefined },
  ): Promise<Fact>
}

export interface RoomServiceDeps {
  store: Pick<Store, 'rooms' | 'accounts'>
  steps: RoomSteps
  views: RoomViews
  fanOut: Pick<FanOut, 'membersAdded'>
  now(): number
  newId(): string
}

export function createRoomService(deps: RoomServiceDeps): RoomService {
  const { store, steps, views } = deps
  const { rooms } = store

  async function find(roomId: string): Promise<RoomSummary> {
    const summary = await rooms.find(roomId)
    if (!summary || summary.room.deletedAt !== null) throw notFound()
    return summary
  }

  async function findFor(me: SignedIn, roomId: string) {
    // Membership after the room: nobody sees what came after their removal.
    const summary = await find(roomId)
    const isMember = await rooms.isMember(roomId, me.user.id)
    requireVisible(summary.room, isMember)
    return { summary, isMember }
  }

  async function requireLiving(userId: string): Promise<void> {
    const user = await store.accounts.findUser(userId)
    if (!user || user.deletedAt !== null) throw new AppError('not-found', 'there is no such person')
  }

  const viewFor = async (me: SignedIn, roomId: string) => {
    const { summary, isMember } = await findFor(me, roomId)
    return views.toRoom(summary, me.user.id, isMember)
  }

  return {
    async list(me, scope) {
      const isMember = scope === 'mine'
      const found = isMember ? await rooms.listOf(me.user.id) : await rooms.listPublic(me.user.id)
      return Promise.all(found.map((summary) => views.toRoom(summary, me.user.id, isMember)))
    },

    async create(me, { name, visibility }) {
      const roomId = deps.newId()
      const ownerId = me.user.id
      // Empty at first: who makes it comes in by a step, so that the log tells of it.
      await rooms.create(
        {
          roomId,
          name,
          kind: 'room',
          visibility,
          ownerId: null,
          dmKey: null,
          createdAt: deps.now(),
        },
        [],
      )
      await steps.run(roomId, { members: [ownerId] }, () => ({
        addMembers: [{ userId: ownerId, by: ownerId }],
        room: { ownerId },
        result: () => undefined,
      }))
      return viewFor(me, roomId)
    },

    get: viewFor,

    async change(me, roomId, { name, visibility }) {
      if (name === undefined && visibility === undefined) {
        throw new AppError('invalid-request', 'name or visibility is needed', { field: 'name' })
      }
      await steps.run(roomId, { members: [me.user.id] }, ({ room, members }) => {
        requireVisible(room, members.has(me.user.id))
        requireOwner(room, me.user.id)
        return {
          room: {
            ...(name !== undefined && { name }),
            ...(visibility !== undefined && { visibility }),
          },
          result: () => undefined,
        }
      })
      return viewFor(me, roomId)
    },

    delete: (me, roomId) =>
      steps.run(roomId, { members: [me.user.id] }, ({ room, members }) => {
        requireVisible(room, members.has(me.user.id))
        requireOwner(room, me.user.id)
        return { deleteRoom: { by: me.user.id }, result: () => undefined }
      }),

    async members(me, roomId) {
      const { summary, isMember } = await findFor(me, roomId)
      requireMember(summary.room, isMember)
      return (await rooms.members(roomId)).map(views.toUser)
    },

    async addMember(me, roomId, userId) {
      if (userId !== me.user.id) await requireLiving(userId)
      await steps.run(roomId, { members: [me.user.id, userId] }, ({ room, members }) => {
        requireVisible(room, members.has(me.user.id))
        if (room.kind === 'dm') throw new AppError('forbidden', 'direct messages cannot be changed')
        if (userId !== me.user.id) requireOwner(room, me.user.id)
        return {
          ...(!members.has(userId) && { addMembers: [{ userId, by: me.user.id }] }),
          result: () => undefined,
        }
      })
    },

    removeMember: (me, roomId, userId) =>
      steps.run(roomId, { members: [me.user.id, userId], heirOf: userId }, (state) => {
        const { room, members } = state
        const isMember = members.has(me.user.id)
        requireVisible(room, isMember)
        if (room.kind === 'dm') throw new AppError('forbidden', 'direct messages cannot be changed')
        if (userId !== me.user.id) {
          requireOwner(room, me.user.id)
          if (!members.has(userId)) throw new AppError('not-found', 'not a member of this room')
        }
        return { ...leavingOf(state, userId, me.user.id), result: () => undefined }
      }),

    async openDm(me, userId) {
      if (userId === me.user.id) {
        throw new AppError('invalid-request', 'direct messages are with somebody else', {
          field: 'userId',
        })
      }
      await requireLiving(userId)
      const dmKey = dmKeyOf(me.user.id, userId)
      const there = await rooms.findDm(dmKey)
      if (there) return { room: await viewFor(me, there.room.roomId), created: false }
      const roomId = deps.newId()
      const outcome = await rooms.create(
        {
          roomId,
          name: '',
          kind: 'dm',
          visibility: 'private',
          ownerId: null,
          dmKey,
          createdAt: deps.now(),
        },
        [me.user.id, userId],
      )
      const made = await rooms.findDm(dmKey)
      if (!made) throw new AppError('unavailable', 'the direct messages could not be opened')
      const created = outcome === 'committed'
      if (created) await deps.fanOut.membersAdded(roomId, [me.user.id, userId])
      return { room: await viewFor(me, made.room.roomId), created }
    },

    async timeline(me, roomId, { before, limit }) {
      const { summary, isMember } = await findFor(me, roomId)
      requireMember(summary.room, isMember)
      // One more than asked for tells whether there is more.
      const found = await rooms.timeline(roomId, before ?? null, limit + 1)
      const entries = found.slice(-limit)
      const users = await store.accounts.users([...new Set(entries.flatMap(peopleIn))])
      return {
        entries: entries.map(views.toFact),
        users: users.map(views.toUser),
        hasMore: found.length > limit,
      }
    },

    async post(me, roomId, { text, requestId }) {
      const by = me.user.id
      const textHash = createHash('sha256').update(text).digest('base64url')
      const key = `message:${by}:${requestId}`
      const posted = await steps.run<{ seq: number; fact?: LogFact }>(
        roomId,
        { members: [by], receipts: [key] },
        ({ room, members, receipt }) => {
          requireMember(room, members.has(by))
          const earlier = requestId === undefined ? undefined : receipt(key)
          if (earlier) {
            const { seq, textHash: earlierHash } = earlier.result as PostedReceipt
            if (earlierHash !== textHash) {
              throw new AppError('conflict', 'this requestId was used for another message')
            }
            return { comesAgain: true, result: () => ({ seq }) }
          }
          const seq = room.seq + 1
          return {
            facts: [
              {
                type: 'message.posted',
                by,
                source: 'user',
                text,
                ...(requestId !== undefined && { requestId }),
              },
            ],
            ...(requestId !== undefined && {
              receipt: { key, result: { seq, textHash } satisfies PostedReceipt },
            }),
            result: ({ facts }) => ({ seq, ...(facts[0] && { fact: facts[0] }) }),
          }
        },
      )
      const fact = posted.fact ?? (await rooms.fact(roomId, posted.seq))
      if (!fact) throw notFound()
      return views.toFact(fact)
    },
  }
}

/** What is kept of a message for a day, so that the same request again is the same message. */
interface PostedReceipt {
  seq: number
  textHash: string
}

/** Everybody whom a row of the history names. */
function peopleIn(fact: LogFact): string[] {
  const named = fact.by === null ? [] : [fact.by]
  if ('userId' in fact) named.push(fact.userId)
  if (fact.type === 'call.ended') named.push(...fact.participants)
  return named
}
