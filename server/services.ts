/** What the routes and the socket call. Each interface is implemented by one folder; `app.ts` builds them. */
import type { CallContext } from '../machines/call.context.ts'
import type { LogFact } from '../machines/room.facts.ts'
import type { RoomRecord, RoomSummary, UserRecord } from '../persistence/store.ts'
import type { z } from 'zod'
import type {
  activeCallsAnswer,
  Call,
  CallEvidence,
  Fact,
  Health,
  Join,
  Room,
  User,
} from './protocol/wire.ts'

/** Who asks: a user with a session that neither ended nor expired. */
export interface SignedIn {
  user: UserRecord
  sessionId: string
  tokenHash: string
  expiresAt: number
  /** It has just been given more time: a browser’s cookie has to learn that. */
  isProlonged?: boolean
}

/** server/auth. Errors are `AppError`s with the codes of api.md. */
export interface AccountService {
  /** `address` counts for the limits; `conflict` when the login is taken, `forbidden` when registration is closed or the setup code is wrong. */
  register(
    request: { login: string; password: string; displayName?: string; setupCode?: string },
    address: string,
  ): Promise<{ user: User; token: string; expiresAt: number }>
  /** `not-signed-in` for a wrong login or password, both in the same time; `slow-down` past the limits. */
  signIn(
    request: { login: string; password: string },
    address: string,
  ): Promise<{ user: User; token: string; expiresAt: number }>
  signOut(me: SignedIn): Promise<void>
  /** Undefined when the token names no living session. One that is in use lasts: see `prolong`. */
  authenticate(token: string): Promise<SignedIn | undefined>
  /** Whether it names no living session only because its time is over: nobody ended that one. */
  hasExpired(token: string): Promise<boolean>
  /**
   * Gives a session that is in use its whole time again, at most once a day; undefined when it is over.
   */
  prolong(me: SignedIn): Promise<SignedIn | undefined>
  /** `forbidden` with a wrong password. Gone from every room and call when it resolves. */
  deleteMe(me: SignedIn, password: string): Promise<void>
  deleteUser(me: SignedIn, userId: string): Promise<void>
  search(query: string): Promise<User[]>
}

/** server/rooms, the part that people use. */
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

/** server/calls. Every answer is null while calls are disabled (R50). */
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

/** server/livekit and server/calls: LiveKit's webhooks. */
export interface WebhookService {
  readonly enabled: boolean
  /**
   * Resolves when what the report changed is committed, or when it is to be ignored (R22).
   * `not-signed-in` (401) for a bad signature, `invalid-request` for a body that is no report,
   * `unavailable` when it could not be committed within five seconds.
   */
  receive(rawBody: Buffer, authorization: string | undefined): Promise<void>
}

/** A call's key as its people get it (R45). Goes to sockets of these sessions and nowhere else (R5). */
export interface CurrentKey {
  callId: string
  keyEpoch: number
  /** Base64 of 32 bytes. */
  e2eeKey: string
  sessionIds: ReadonlySet<string>
}

/** For admins. */
export interface AdminService {
  health(me: SignedIn): Promise<Health>
  /** The calls that are on, oldest first. */
  calls(): Promise<z.infer<typeof activeCallsAnswer>['calls']>
  /** Why each person of a call is shown as they are; `not-found` for an unknown call. */
  evidence(callId: string): Promise<CallEvidence>
  ignored(
    me: SignedIn,
  ): Promise<{ at: number; reason: string; event: string; callId?: string; identity?: string }[]>
}

/** Turns records into what one viewer may see: a direct message is named after the other person. */
export interface RoomViews {
  toUser(user: UserRecord): User
  /** For a non-member `call` is null and `seq` 0. */
  toRoom(summary: RoomSummary, viewerId: string, isMember: boolean): Promise<Room>
  toCall(summary: RoomSummary): Promise<Call | null>
  /** The call as this process has it, with the room's number that it was at. */
  showCall(context: CallContext, seq: number): Promise<Call>
  toFact(fact: LogFact): Fact
}

/** server/realtime: told after each commit, sends to sockets by number. */
export interface FanOut {
  /**
   * Right after each commit, with its facts in order and the room's version after it. A gap to what
   * was sent last is read from the log.
   */
  committed(roomId: string, facts: LogFact[], version: number): void
  /** The room's name, visibility or owner changed, or it was deleted; sent after its facts. */
  roomChanged(room: RoomRecord): void
  /** These people are in a room that was made with them, without a fact: their sockets get `room`. */
  membersGained(roomId: string, userIds: string[]): Promise<void>
  /** Ends the sockets of these sessions with 4403. */
  sessionsEnded(sessionIds: string[]): void
}
