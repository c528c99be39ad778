/** Registering, signing in and out, and leaving for good. Implements `AccountService`. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { AccountStore, NewEffect, UserRecord } from '../../persistence/store.ts'
import { AppError } from '../errors.ts'
import type { AccountService, FanOut, RoomViews, SignedIn } from '../services.ts'
import type { AccountRooms } from './account-rooms.ts'
import type { Attempts } from './attempts.ts'
import type { Passwords } from './passwords.ts'

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
  newId(): string
  /** 32 random bytes, base64url. */
  newToken(): string
}

const sessionMs = 30 * 24 * 3600_000

export function createAccountService(deps: AccountServiceDeps): AccountService {
  const { accounts, passwords, attempts, now } = deps

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

  async function remove(userId: string): Promise<void> {
    const effect = departure(userId, now())
    if (!(await accounts.deleteUser(userId, now(), [effect]))) {
      throw new AppError('not-found', 'there is no such account')
    }
    // At once, and again by the effect if this process dies meanwhile.
    await deps.rooms.depart(userId)
  }

  return {
    async register({ login, password, displayName, setupCode }, address) {
      await attempts.registration(address)
      const isFirst = (await accounts.count()) === 0
      if (deps.registration === 'closed' && !isFirst) {
        throw new AppError('forbidden', 'nobody can register here by themselves')
      }
      if (isFirst && setupCode !== undefined && !isSetupCode(setupCode, deps.setupCode)) {
        throw new AppError('forbidden', 'the setup code is wrong', { setupCodeNeeded: true })
      }
      const passwordHash = await passwords.hash(password)
      const id = deps.newId()
      const mayBeFirst = deps.setupCode === null || setupCode !== undefined
      const user = await accounts.register(
        { id, login, displayName: displayName ?? login, createdAt: now() },
        passwordHash,
        { mayBeFirst, effects: [welcome(id, now())] },
      )
      if (user === 'login-taken') throw new AppError('conflict', 'this login is taken')
      if (user === 'setup-code-needed') {
        throw new AppError('forbidden', 'the first person needs the setup code', {
          setupCodeNeeded: true,
        })
      }
      await deps.rooms.welcome(id)
      return openSession(user)
    },

    async signIn({ login, password }, address) {
      const folded = login.toLowerCase()
      await attempts.signIn(address, folded)
      const user = await accounts.findByLogin(folded)
      // The same work for a login that nobody has.
      if (!(await passwords.verify(password, user?.passwordHash ?? null)) || !user) {
        await attempts.failed(folded)
        throw new AppError('not-signed-in', 'the login or the password is wrong')
      }
      await attempts.succeeded(folded)
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
      return { user: found.user, sessionId, tokenHash, expiresAt }
    },

    async deleteMe(me, password) {
      const user = await accounts.findUser(me.user.id)
      if (!(await passwords.verify(password, user?.passwordHash ?? null))) {
        throw new AppError('forbidden', 'the password is wrong')
      }
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

function isSetupCode(given: string, expected: string | null): boolean {
  if (expected === null) return true
  const a = createHash('sha256').update(given.trim()).digest()
  return timingSafeEqual(a, createHash('sha256').update(expected).digest())
}

function welcome(userId: string, at: number): NewEffect {
  // Later than the inline run, which it only repeats when this process died meanwhile.
  return { effectId: `welcome:${userId}`, roomId: null, type: 'account.welcome', payload: { userId }, dueAt: at + 2_000 }
}

function departure(userId: string, at: number): NewEffect {
  return { effectId: `depart:${userId}`, roomId: null, type: 'account.depart', payload: { userId }, dueAt: at + 2_000 }
}
