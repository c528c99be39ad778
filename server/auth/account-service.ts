/** Registering, signing in and out, and leaving for good. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { AccountStore, UserRecord } from '../../persistence/store.ts'
import { AppError } from '../errors.ts'
import type { User } from '../protocol/wire.ts'
import type { FanOut } from '../realtime/fan-out.ts'
import type { EffectRow } from '../rooms/effects.ts'
import type { RoomViews } from '../rooms/room-views.ts'
import type { AccountRooms } from './account-rooms.ts'
import type { Attempts } from './attempts.ts'
import type { Passwords } from './passwords.ts'
import type { SignedIn } from './signed-in.ts'

/** Errors are `AppError`s. */
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

export interface AccountServiceDeps {
  accounts: AccountStore
  rooms: AccountRooms
  views: Pick<RoomViews, 'toUser'>
  passwords: Passwords
  attempts: Attempts
  fanOut: Pick<FanOut, 'sessionsEnded'>
  registration: 'open' | 'closed'
  /** Printed at start; null when the server listens on loopback only, where the first person needs none. */
  setupCode: string | null
  now(): number
  /** The database's clock: sessions end by it. */
  databaseNow(): Promise<number>
  newId(): string
  /** 32 random bytes, base64url. */
  newToken(): string
}

const dayMs = 24 * 3600_000
/** Unused. */
const sessionMs = 30 * dayMs

export function createAccountService(deps: AccountServiceDeps): AccountService {
  const { accounts, passwords, attempts, now } = deps
  /** By token hash: a page asks for many things at once. */
  const prolonging = new Map<string, Promise<SignedIn | undefined>>()

  async function openSession(user: UserRecord) {
    const token = deps.newToken()
    const createdAt = now()
    const expiresAt = createdAt + sessionMs
    await accounts.openSession({
      tokenHash: hashToken(token),
      sessionId: deps.newId(),
      userId: user.id,
      createdAt,
      expiresAt,
    })
    return { user: deps.views.toUser(user), token, expiresAt }
  }

  async function prolong(me: SignedIn): Promise<SignedIn | undefined> {
    const at = now()
    const expiresAt = at + sessionMs
    if (me.expiresAt > expiresAt - dayMs) return me
    const underWay = prolonging.get(me.tokenHash)
    if (underWay) return underWay
    const work = accounts
      .prolongSession(me.tokenHash, at, expiresAt)
      .then((isOn) => (isOn ? { ...me, expiresAt, isProlonged: true } : undefined))
      .finally(() => prolonging.delete(me.tokenHash))
    prolonging.set(me.tokenHash, work)
    return work
  }

  async function remove(userId: string): Promise<void> {
    const at = now()
    const since = await deps.databaseNow()
    if (!(await accounts.deleteUser(userId, at, [effectOf('depart', userId, at)]))) {
      throw new AppError('not-found', 'there is no such account')
    }
    // Others that ended are among these, too; their sockets have to go just as well.
    deps.fanOut.sessionsEnded(await accounts.sessionsEndedSince(since))
    // At once, and again by the effect if this process dies meanwhile.
    await deps.rooms.depart(userId)
  }

  /** The first person of all is admin, so not anybody from outside may be it. */
  function requireSetupCode(given: string | undefined): void {
    if (deps.setupCode === null || isSetupCode(given, deps.setupCode)) return
    throw new AppError('forbidden', 'the first person needs the setup code printed at start', {
      setupCodeNeeded: true,
    })
  }

  async function requirePassword(
    login: string,
    password: string,
    passwordHash: string | null,
    refusal: () => AppError,
  ): Promise<void> {
    attempts.password(login)
    // The same work when there is nothing to compare with.
    if (await passwords.verify(password, passwordHash)) {
      attempts.succeeded(login)
      return
    }
    attempts.failed(login)
    throw refusal()
  }

  return {
    async register({ login, password, displayName, setupCode }, address) {
      await attempts.registration(address)
      const isFirst = (await accounts.count()) === 0
      if (isFirst) requireSetupCode(setupCode)
      else if (deps.registration === 'closed') {
        throw new AppError('forbidden', 'nobody can register here by themselves')
      }
      const passwordHash = await passwords.hash(password)
      const id = deps.newId()
      const at = now()
      const user = await accounts.register(
        { id, login: login.toLowerCase(), displayName: displayName ?? login, createdAt: at },
        passwordHash,
        { mayBeFirst: isFirst, effects: [effectOf('welcome', id, at)] },
      )
      if (user === 'login-taken') throw new AppError('conflict', 'this login is taken')
      if (user === 'setup-code-needed') throw new AppError('unavailable', 'try again')
      // The account is made whatever becomes of this: the mailbox logs it, the effect repeats it.
      await deps.rooms.welcome(id).catch(() => undefined)
      return openSession(user)
    },

    async signIn({ login, password }, address) {
      await attempts.signIn(address)
      const folded = login.toLowerCase()
      const user = await accounts.findByLogin(folded)
      const refusal = () => new AppError('not-signed-in', 'the login or the password is wrong')
      await requirePassword(folded, password, user?.passwordHash ?? null, refusal)
      if (!user) throw refusal()
      return openSession(user)
    },

    async signOut(me) {
      await accounts.endSession(me.tokenHash, now())
      deps.fanOut.sessionsEnded([me.sessionId])
    },

    async authenticate(token): Promise<SignedIn | undefined> {
      if (token.length > 128) return undefined
      const tokenHash = hashToken(token)
      const found = await accounts.findSession(tokenHash, now())
      if (!found) return undefined
      const { sessionId, expiresAt } = found.session
      const me = { user: found.user, sessionId, tokenHash, expiresAt }
      // That it is in use can be stored another time.
      return prolong(me).catch(() => me)
    },

    async hasExpired(token) {
      if (token.length > 128) return false
      const notEnded = await accounts.findSession(hashToken(token), 0)
      return notEnded !== undefined && notEnded.session.expiresAt <= now()
    },

    prolong,

    async deleteMe(me, password) {
      const user = await accounts.findUser(me.user.id)
      await requirePassword(
        me.user.login,
        password,
        user?.passwordHash ?? null,
        () => new AppError('forbidden', 'the password is wrong'),
      )
      await remove(me.user.id)
    },

    async deleteUser(me, userId) {
      if (!me.user.admin) throw new AppError('forbidden', 'only admins may delete accounts')
      await remove(userId)
    },

    async search(query) {
      return (await accounts.search(query, 50)).map(deps.views.toUser)
    },
  }
}

/** What the database keeps of a token. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

function isSetupCode(given: string | undefined, expected: string): boolean {
  const a = createHash('sha256')
    .update(given?.trim() ?? '')
    .digest()
  return timingSafeEqual(a, createHash('sha256').update(expected).digest())
}

/** Due later than the inline run, which it only repeats when this process died meanwhile. */
function effectOf(what: 'welcome' | 'depart', userId: string, at: number): EffectRow {
  return {
    effectId: `${what}:${userId}`,
    roomId: null,
    type: `account.${what}`,
    payload: { userId },
    dueAt: at + 2_000,
  }
}
