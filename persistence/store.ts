/**
 * What the server asks of a database. Two databases implement it (SQLite, PostgreSQL) and pass one
 * contract suite: `test/persistence/store-contract.ts`.
 *
 * All times are epoch milliseconds, all ids opaque strings that sort by creation (uuid v7).
 */
import type { IgnoredReason } from '../machines/call.events.ts'
import type { FactSource } from '../machines/call.facts.ts'
import type { LogFact } from '../machines/room.facts.ts'

/** Everything that the server keeps, by concern. */
export interface Store {
  readonly rooms: RoomStore
  readonly calls: CallStore
  readonly accounts: AccountStore
  readonly effects: EffectStore
  readonly installation: InstallationStore
  readonly leases: LeaseStore
  /** Whether other processes may write to this database, too. */
  readonly isShared: boolean
  /** SQLite: truncates the WAL, so that no shredded key stays in the files (R43). PostgreSQL: nothing. */
  scrub(): Promise<ScrubOutcome>
  /** Throws when the database cannot be read; for readiness. */
  ping(): Promise<void>
  close(): Promise<void>
}

// ---------------------------------------------------------------- rooms

export type RoomKind = 'room' | 'dm'
export type Visibility = 'public' | 'private'

export interface RoomRecord {
  roomId: string
  name: string
  kind: RoomKind
  visibility: Visibility
  ownerId: string | null
  /** One per pair of people, for direct messages; null for rooms. */
  dmKey: string | null
  createdAt: number
  deletedAt: number | null
  /** Grows by one with every commit of this room; the arbiter between processes (R2). */
  version: number
  /** Number of the last fact in the room's log. */
  seq: number
  /** Time of the last fact; times in a log never go back (I7). */
  lastAt: number
}

export interface MemberRecord {
  userId: string
  joinedAt: number
}

/** XState's snapshot in the envelope that tells whether it can be taken as it is. */
export interface SnapshotEnvelope {
  machineId: string
  version: number
  definitionHash: string
  /** Number of the room's last fact that this snapshot has taken in. */
  seq: number
  snapshot: unknown
}

/** Who took part in a call, in order of their first join; `person` is null once they are gone. */
export interface CallPersonRow {
  userId: string
  place: number
  person: unknown
}

export interface ActiveCall {
  callId: string
  /** Number of the call's last step. */
  step: number
  envelope: SnapshotEnvelope
  /** What the envelope does not hold, because it changes one by one; empty for one that holds all. */
  connections: { identity: string; connection: unknown }[]
  people: CallPersonRow[]
}

/** What a decision reads of a room beside the room itself and its call: rows by their keys (R51, R52). */
export interface RoomNeeds {
  /** Whether these users are members. */
  members?: readonly string[]
  /** Whether these requests were committed before, since `receiptsSince`. */
  receipts?: readonly string[]
  receiptsSince?: number
  /** Who has been a member for longest, but for this one. */
  heirOf?: string
}

/** A room as one decision needs it, read in one consistent read. */
export interface LoadedRoom {
  room: RoomRecord
  /** Those of the users asked for who are members. */
  members: MemberRecord[]
  /** Null when nobody was asked for, or nobody else is there. */
  heir: string | null
  /** The room is at the version that the caller knows: its call is left out. */
  isAsKnown: boolean
  call: ActiveCall | null
  /** Those of the receipts asked for that are there. */
  receipts: { key: string; at: number; result: unknown }[]
}

/** One committed change of a room's call. No text, no secrets. */
export interface StepRecord {
  callId: string
  step: number
  roomId: string
  event: string
  source: FactSource
  at: number
  /** The state reached: `active`, `ended`. */
  state: string
  /** The event without secrets and what changed in the context; JSON. */
  detail: unknown
  definitionHash: string
  /** Numbers of the facts that this step added; null when it added none. */
  firstSeq: number | null
  lastSeq: number | null
}

export interface KeyRow {
  callId: string
  keyEpoch: number
  /** AES-256-GCM, base64: nonce, ciphertext, tag. */
  sealedKey: string
  createdAt: number
}

/** Asked to be done in the commit that decided it, done later, at least once. */
export interface NewEffect {
  effectId: string
  roomId: string | null
  type: string
  /** Plain JSON, no secrets. */
  payload: unknown
  /** Not before this time. */
  dueAt: number
}

export interface IgnoredRecord {
  at: number
  reason: IgnoredReason
  event: string
  roomId: string | null
  callId: string | null
  identity: string | null
}

/** Everything that one or more steps of one room change, all or nothing. */
export interface RoomCommit {
  roomId: string
  /** The version that was read; another one in the database is a conflict. */
  expectedVersion: number
  newVersion: number
  seq: number
  lastAt: number
  facts: LogFact[]
  /** Set when the room itself changes. */
  room?: Partial<Pick<RoomRecord, 'name' | 'visibility' | 'ownerId' | 'deletedAt'>>
  membersAdded: MemberRecord[]
  membersRemoved: string[]
  steps: StepRecord[]
  /** The call's row: inserted when new, updated else; `endedAt` set when it is over. */
  call?: {
    callId: string
    step: number
    envelope: SnapshotEnvelope
    startedAt: number
    startedBy: string
    endedAt: number | null
    endReason: string | null
    /** When a deadline or a listing is owed first (the earlier); null when none is. */
    dueAt: number | null
    /** What changed; null for what is forgotten. Those of a call that ended go as a whole. */
    connections: Record<string, unknown>
    people: CallPersonRow[]
  }
  /** Calls that ended within this commit before another one began, latest state. */
  endedCalls: NonNullable<RoomCommit['call']>[]
  /** The key of a later epoch takes the place of the earlier ones, which are deleted (R45). */
  keysMinted: KeyRow[]
  /** Calls whose keys are deleted; the receipt keeps that and when (R42). */
  keysShredded: { callId: string; at: number }[]
  receipts: { key: string; at: number; result: unknown }[]
  ignored: IgnoredRecord[]
  effects: NewEffect[]
}

/** How long a receipt counts: the same key after that is another request. */
export const receiptLifeMs = 24 * 3600_000

/** `conflict`: the version had moved, or a receipt was there already; nothing of that room was written. */
export type CommitOutcome = 'committed' | 'conflict'

export interface RoomStore {
  /** With its owner as its first member when there is one. `conflict` when `dmKey` is taken. */
  create(
    room: Pick<
      RoomRecord,
      'roomId' | 'name' | 'kind' | 'visibility' | 'ownerId' | 'dmKey' | 'createdAt'
    >,
    members: string[],
  ): Promise<CommitOutcome>
  /**
   * Undefined when there is no such room; deleted rooms are found, with `deletedAt`. `knownVersion`: the
   * call is left out when the room is still at it.
   */
  load(roomId: string, needs: RoomNeeds, knownVersion?: number): Promise<LoadedRoom | undefined>
  /**
   * Writes many rooms' commits in one transaction. Rooms in conflict are left out, the others are
   * written. Throws when nothing was committed, `AmbiguousCommitError` when that is unknown.
   */
  commit(batch: RoomCommit[]): Promise<CommitOutcome[]>
  find(roomId: string): Promise<RoomSummary | undefined>
  findDm(dmKey: string): Promise<RoomSummary | undefined>
  listOf(userId: string): Promise<RoomSummary[]>
  /** Public rooms that the user is not in. */
  listPublic(userId: string): Promise<RoomSummary[]>
  members(roomId: string): Promise<UserRecord[]>
  isMember(roomId: string, userId: string): Promise<boolean>
  /** The rooms of each of these users, for subscriptions. */
  roomIdsOf(userIds: string[]): Promise<Map<string, string[]>>
  /** Facts with a number above `after`, oldest first, at most `limit`. */
  factsAfter(roomId: string, after: number, limit: number): Promise<LogFact[]>
  /** Facts of the history's types with a number below `before`, newest last, at most `limit`. */
  timeline(roomId: string, before: number | null, limit: number): Promise<LogFact[]>
  /** A fact by its number. */
  fact(roomId: string, seq: number): Promise<LogFact | undefined>
  /** Rooms whose version moved since that time by the database's clock, with a margin; for other processes' commits. */
  changedSince(at: number): Promise<{ roomId: string; version: number; seq: number }[]>
  /** When a room changed last by its own time, the latest of all; 0 when there is none. */
  latestAt(): Promise<number>
  /** The database's clock, epoch milliseconds: processes compare times by it. */
  now(): Promise<number>
}

/** A call as lists show it: who is in it, not how. */
export type CallSummary = Pick<ActiveCall, 'callId' | 'envelope' | 'people'>

/** A room as lists show it, with the active call and the number it was read at. */
export interface RoomSummary {
  room: RoomRecord
  memberCount: number
  call: CallSummary | null
}

// ---------------------------------------------------------------- calls

export interface CallRow {
  callId: string
  roomId: string
  /** Number of its last step; grows with every change. */
  step: number
  dueAt: number | null
  startedAt: number
}

export interface CallStore {
  /** Every active call: what a start has to take up again. */
  active(): Promise<CallRow[]>
  /** When a report of LiveKit's about any call was taken last, by whichever process; null when none is kept (R37). */
  lastReportAt(): Promise<number | null>
  /** `active`, `ended`, or undefined for a call that this database never knew (R39). */
  stateOf(callId: string): Promise<'active' | 'ended' | undefined>
  /** The present key; undefined when the call is over. */
  key(callId: string): Promise<KeyRow | undefined>
  steps(callId: string, after: number, limit: number): Promise<StepRecord[]>
  /** Bounded and newest first (R32). */
  ignored(limit: number): Promise<IgnoredRecord[]>
  /** For reports that reach no room: foreign names, unknown rooms. */
  recordIgnored(records: IgnoredRecord[]): Promise<void>
  /** Keeps what a definition hash stands for; once per hash. */
  saveChart(definitionHash: string, machineId: string, chart: unknown): Promise<void>
}

// ---------------------------------------------------------------- accounts

export interface UserRecord {
  id: string
  login: string
  displayName: string
  admin: boolean
  createdAt: number
  deletedAt: number | null
}

export interface SessionRecord {
  /** SHA-256 of the token, hex: the token itself is nowhere. */
  tokenHash: string
  sessionId: string
  userId: string
  createdAt: number
  expiresAt: number
}

export interface AccountStore {
  /**
   * Adds a user; the first one of all becomes admin, decided in this transaction. `mayBeFirst`
   * false refuses to be that (a setup code is owed). Effects are written with it.
   */
  register(
    user: Omit<UserRecord, 'admin' | 'deletedAt'>,
    passwordHash: string,
    options: { mayBeFirst: boolean; effects: NewEffect[] },
  ): Promise<UserRecord | 'login-taken' | 'setup-code-needed'>
  /** Undefined for unknown and deleted logins. */
  findByLogin(login: string): Promise<(UserRecord & { passwordHash: string }) | undefined>
  findUser(userId: string): Promise<(UserRecord & { passwordHash: string | null }) | undefined>
  users(userIds: string[]): Promise<UserRecord[]>
  /** By login or display name, deleted ones left out. */
  search(query: string, limit: number): Promise<UserRecord[]>
  count(): Promise<number>
  /** Marks the account as gone, frees its login, forgets its password, ends its sessions; effects with it. */
  deleteUser(userId: string, at: number, effects: NewEffect[]): Promise<boolean>
  openSession(session: SessionRecord): Promise<void>
  /** Sessions that neither ended nor expired, of users that are not deleted. */
  findSession(
    tokenHash: string,
    at: number,
  ): Promise<{ session: SessionRecord; user: UserRecord } | undefined>
  /** False when it had ended or expired by `at`. */
  prolongSession(tokenHash: string, at: number, expiresAt: number): Promise<boolean>
  endSession(tokenHash: string, at: number): Promise<void>
  /** Session ids that ended since that time by the database's clock, with a margin. */
  sessionsEndedSince(at: number): Promise<string[]>
  /** Deletes what expired or ended long ago, at most so many; true when there may be more. */
  purgeSessions(before: number, limit: number): Promise<boolean>
}

// ---------------------------------------------------------------- effects

export interface EffectRecord extends NewEffect {
  attempts: number
}

export interface EffectStore {
  add(effects: NewEffect[]): Promise<void>
  /**
   * Takes what is due for `leaseMs`, so that another process does not run it at the same time.
   * Those of the types `except` are left.
   */
  claimDue(
    at: number,
    leaseMs: number,
    limit: number,
    except?: readonly string[],
  ): Promise<EffectRecord[]>
  done(effectIds: string[]): Promise<void>
  /** Comes again at `dueAt`. */
  retry(effectId: string, dueAt: number): Promise<void>
  /** When the next one is due; null when none waits. */
  nextDueAt(except?: readonly string[]): Promise<number | null>
  /** Evictions of a call that are not done yet: such a call is listed every two seconds (R33). */
  openEvictions(callId: string): Promise<number>
  /**
   * Deletes receipts older than that, and all but the newest `keepIgnored` ignored records, at most so
   * many of each; true when there may be more.
   */
  trim(receiptsBefore: number, keepIgnored: number, limit: number): Promise<boolean>
}

// ---------------------------------------------------------------- installation

export interface InstallationStore {
  /** Random, made once, kept (R24). */
  id(): Promise<string>
  /** Stored once; false when another one is stored already (R41). */
  acceptKeyFingerprint(fingerprint: string): Promise<boolean>
  get(name: string): Promise<string | undefined>
  set(name: string, value: string): Promise<void>
}

// ---------------------------------------------------------------- leases

export interface LeaseStore {
  /** True when `holder` has it for that time from now: it had it already, or nobody has. */
  hold(name: string, holder: string, forMs: number): Promise<boolean>
  release(name: string, holder: string): Promise<void>
}

/** Thrown when a commit's end is unknown (connection lost while committing): read, never guess (R2). */
export class AmbiguousCommitError extends Error {
  constructor(cause: unknown) {
    super('the commit may or may not have happened', { cause })
    this.name = 'AmbiguousCommitError'
  }
}

/** Nothing was written: another program holds the lock of the whole database. */
export class DatabaseLockedError extends Error {
  readonly code = 'SQLITE_BUSY'

  constructor() {
    super('another program holds the lock of the database (SQLITE_BUSY)')
    this.name = 'DatabaseLockedError'
  }
}

/** `held`: somebody else reads from the WAL; ask again later. */
export type ScrubOutcome = 'done' | 'held'

/** Takes lines for whoever runs the server. */
export interface ReportToOperator {
  /** `during`: what keeps the database from its work until `isOver` of the same is told. */
  (line: string, during?: { code: 'database-held' | 'database-locked'; isOver?: true }): void
}

/** How the server opens a database. `url`: `sqlite:/absolute/path` or `postgres://…`. */
export type OpenStore = (url: string, tell?: ReportToOperator) => Promise<Store>
