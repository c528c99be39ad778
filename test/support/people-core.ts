/**
 * Accounts and rooms as people use them, on a real SQLite database: everything between HTTP and the
 * database, with a clock of the test's own and a record of what sockets would be told.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { v7 as uuidV7 } from 'uuid'
import type { LogFact } from '../../machines/room.facts.ts'
import { openStore } from '../../persistence/open-store.ts'
import type { Store } from '../../persistence/store.ts'
import {
  createAccountRooms,
  generalRoomSetting,
  type AccountRooms,
} from '../../server/auth/account-rooms.ts'
import {
  createAccountService,
  type AccountServiceDeps,
  type AccountService,
} from '../../server/auth/account-service.ts'
import { createAttempts } from '../../server/auth/attempts.ts'
import { createPasswords } from '../../server/auth/passwords.ts'
import type { SignedIn } from '../../server/auth/signed-in.ts'
import type { Call } from '../../server/protocol/wire.ts'
import { createRoomService, type RoomService } from '../../server/rooms/room-service.ts'
import { createRoomViews, type RoomViews } from '../../server/rooms/room-views.ts'
import { createRoomCore, type RoomCore } from './room-core.ts'

export const goodPassword = 'correct horse battery'

export interface PeopleCore {
  store: Store
  core: RoomCore
  views: RoomViews
  accountRooms: AccountRooms
  accounts: AccountService
  rooms: RoomService
  generalId: string
  /** What was told to be ended, in order. */
  endedSessions: string[]
  /** Who gained a room without a fact, by room. */
  gained: Map<string, string[]>
  now(): number
  /** Moves the clock. */
  pass(ms: number): void
  /** The same database under another account service. */
  accountsWith(deps: Partial<AccountServiceDeps>): AccountService
  /** Registers somebody whose display name is the login with a capital. */
  register(login: string): Promise<SignedIn & { token: string }>
  facts(roomId: string): Promise<LogFact[]>
  /** The types of a room's facts, in order. */
  factTypes(roomId: string): Promise<string[]>
  /** Somebody joins the room's call, as the call service does it. */
  joinCall(roomId: string, userId: string): Promise<void>
  call(roomId: string): Promise<Call | null>
  close(): Promise<void>
}

export async function openPeopleCore(): Promise<PeopleCore> {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-people-'))
  const store = await openStore(`sqlite:${join(folder, 'chatto.db')}`)
  let at = 1_700_000_000_000
  const now = () => at
  const newId = () => uuidV7()
  const endedSessions: string[] = []
  const gained = new Map<string, string[]>()
  const fanOut = {
    sessionsEnded: (sessionIds: string[]) => void endedSessions.push(...sessionIds),
    membersAdded: (roomId: string, userIds: string[]) => {
      gained.set(roomId, userIds)
      return Promise.resolve()
    },
  }
  const core = createRoomCore({ store, now, newId })
  const steps = core.mailbox
  const views = createRoomViews({
    accounts: store.accounts,
    rebuild: () => Promise.resolve(null),
  })
  const accountRooms = createAccountRooms({ store, steps })
  const passwords = await createPasswords()
  const standard = (): AccountServiceDeps => ({
    accounts: store.accounts,
    rooms: accountRooms,
    views,
    passwords,
    attempts: createAttempts({ registrationsPerMinute: 0, signInsPerMinute: 0, now }),
    fanOut,
    registration: 'open',
    setupCode: null,
    now,
    databaseNow: store.rooms.now,
    newId,
    newToken: () => randomBytes(32).toString('base64url'),
  })
  const accounts = createAccountService(standard())
  const rooms = createRoomService({ store, steps, views, fanOut, now, newId })

  const generalId = newId()
  await store.rooms.create(
    {
      roomId: generalId,
      name: 'general',
      kind: 'room',
      visibility: 'public',
      ownerId: null,
      dmKey: null,
      createdAt: at,
    },
    [],
  )
  await store.installation.set(generalRoomSetting, generalId)

  const facts = (roomId: string) => store.rooms.factsAfter(roomId, 0, 1_000)
  return {
    store,
    core,
    views,
    accountRooms,
    accounts,
    rooms,
    generalId,
    endedSessions,
    gained,
    now,
    pass(ms) {
      at += ms
    },
    accountsWith: (deps) => createAccountService({ ...standard(), ...deps }),
    async register(login) {
      at += 1
      const displayName = login.charAt(0).toUpperCase() + login.slice(1)
      const { token } = await accounts.register(
        { login, password: goodPassword, displayName },
        '::1',
      )
      const me = await accounts.authenticate(token)
      if (!me) throw new Error(`${login} has no session`)
      return { ...me, token }
    },
    facts,
    factTypes: async (roomId) => (await facts(roomId)).map((fact) => fact.type),
    async joinCall(roomId, userId) {
      at += 1
      await steps.run(roomId, { members: [userId] }, ({ members }) => ({
        callEvent: (stepAt) => ({
          type: 'join.requested',
          at: stepAt,
          userId,
          sessionId: `session of ${userId}`,
          connectionId: null,
          freshConnectionId: newId(),
          freshCallId: newId(),
          isMember: members.has(userId),
        }),
        result: () => undefined,
      }))
    },
    async call(roomId) {
      const summary = await store.rooms.find(roomId)
      return summary ? views.toCall(summary) : null
    },
    async close() {
      await core.mailbox.idle()
      await store.close()
      rmSync(folder, { recursive: true })
    },
  }
}
