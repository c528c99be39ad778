/** People and their browsers: what a page of our client does in a call, and what happens to it. */
import { toIdentity } from '../../machines/call.context.ts'
import type { SignedIn } from '../../server/auth/signed-in.ts'
import { AppError } from '../../server/errors.ts'
import type { Join } from '../../server/protocol/wire.ts'
import type { Timer } from '../../server/time/clock.ts'
import type { Ledger } from './ledger.ts'
import { createLiveClient, type LiveClient, type LiveClientDeps } from './live-client.ts'
import type { LivekitToken, Session, SimulatedLivekit } from './livekit.ts'
import { NoAnswer, type Network } from './network.ts'
import type { Random } from './random.ts'
import type { SimulatedServer } from './server.ts'
import { hangingUp, type Truth } from './truth.ts'
import type { Owner, World } from './world.ts'

export interface Person {
  readonly name: string
  readonly userId: string
  readonly me: SignedIn
  readonly client: LiveClient
  readonly pages: Page[]
  isOnline(): boolean
  offlineUntil: number
}

/** One page load: one connection id. */
export interface Page extends Owner {
  readonly person: Person
  connectionId: string
  callId: string | null
  session: Session | null
  /** Wants to be in the call; false once it hung up, gave up, or was told that it is over. */
  wants: boolean
  isOnline(): boolean
}

export interface PeopleDeps {
  world: World
  random: Random
  network: Network
  livekit: SimulatedLivekit
  ledger: Ledger
  truth: Truth
  roomId: string
  server(): SimulatedServer | null
  newId(): string
  line: LiveClientDeps['line']
  follow: LiveClientDeps['follow']
}

export interface People {
  readonly all: Person[]
  add(name: string): Person
  /** The page that is in the call now, or tries to be. */
  pageOf(person: Person): Page | undefined
  join(person: Person, how?: { connectionId?: string; withoutMedia?: boolean }): Page
  hangUp(page: Page): void
  /** Closes the tab; `beacon`: it could still say so. */
  close(page: Page, beacon: boolean): void
  crash(page: Page): void
  goOffline(person: Person, ms: number): void
  /** `late`: it comes back when the doubt is nearly over. */
  fullReconnect(page: Page, late: boolean): void
  /** Connects to LiveKit with what it has, past our server. */
  replay(person: Person, token: LivekitToken): void
  isWanted(identity: string): boolean
  nameOf(identity: string): string
}

const retriesMs = [500, 1_000, 2_000, 4_000]
const giveUpMs = 90_000

export function createPeople(deps: PeopleDeps): People {
  const { world, random, network, livekit, truth, roomId } = deps
  const all: Person[] = []
  const pages: Page[] = []

  const identityOf = (page: Page) => toIdentity(page.person.userId, page.connectionId)
  const isAlive = (page: Page) => !page.dead && page.wants
  const tell = (page: Page, what: string) =>
    world.tell(page.person.name, `${what} [${page.connectionId}]`)

  async function ask(page: Page): Promise<Join | 'refused'> {
    const began = world.now()
    for (let tries = 0; tries === 0 || page.wants; tries++) {
      try {
        const join = await network.request(page, ({ calls }) =>
          calls.join(page.person.me, roomId, { connectionId: page.connectionId }, origin),
        )
        if (join) return join
      } catch (error) {
        const isFinal = error instanceof AppError && error.code !== 'unavailable'
        tell(page, `is not let in: ${error instanceof AppError ? error.code : 'no answer'}`)
        if (isFinal && error.code !== 'call-ended') return 'refused'
        if (world.now() - began > giveUpMs) return 'refused'
      }
      await world.sleep(retriesMs[Math.min(tries, 3)] ?? 4_000, page)
    }
    return 'refused'
  }

  /** As web/: ask, connect, come back after whatever can be come back from. */
  async function takePart(page: Page, withoutMedia: boolean): Promise<void> {
    while (isAlive(page)) {
      const join = await ask(page)
      if (!page.wants) {
        // It cancelled before it was answered (R16).
        if (join !== 'refused') void tellLeave(page, join.callId, join.connectionId)
        return
      }
      if (join === 'refused') {
        page.wants = false
        return
      }
      const isOther = page.callId !== null && page.callId !== join.callId
      page.connectionId = join.connectionId
      tell(page, `is let into ${join.callId}`)
      if (isOther) {
        page.wants = false
        void tellLeave(page, join.callId, join.connectionId)
        return
      }
      page.callId = join.callId
      checkAnswer(page, join)
      await world.sleep(random.between(50, 400), page)
      const token = JSON.parse(join.token) as LivekitToken
      const reason = await stayConnected(page, token, withoutMedia)
      if (!isAlive(page)) return
      if (reason === 'PARTICIPANT_REMOVED' || reason === 'ROOM_DELETED') {
        tell(page, `is over: ${reason}`)
        page.wants = false
        return
      }
      await world.sleep(random.between(0, 1_500), page)
    }
  }

  /** Until the session is over; gives LiveKit's reason, or `failed` when it never came to one. */
  function stayConnected(page: Page, token: LivekitToken, withoutMedia: boolean): Promise<string> {
    if (!isAlive(page)) return Promise.resolve('failed')
    return new Promise((resolve) => {
      if (!page.isOnline()) {
        world.after(1_000, () => resolve('failed'), page)
        return
      }
      const line = {
        mediaAfterMs: withoutMedia ? null : random.between(50, 1_500),
        ended: (reason: string) => {
          // A full reconnect has another session by then.
          if (page.session !== session) return
          world.after(random.between(1, 30), () => resolve(reason), page)
        },
      }
      let session: Session
      try {
        session = livekit.connect(token, line)
        page.session = session
      } catch {
        world.after(500, () => resolve('failed'), page)
      }
    })
  }

  /** What was answered is committed (I5), and of the call that is on or just ended. */
  function checkAnswer(page: Page, join: Join): void {
    const { call, ended } = deps.ledger
    const connection =
      call?.callId === join.callId
        ? call.connections[toIdentity(page.person.userId, join.connectionId)]
        : undefined
    if (!connection && !ended.includes(join.callId)) {
      world.fail('I5', `${page.person.name} is let into ${join.callId}, which is not committed`)
    }
  }

  async function tellLeave(page: Page, callId: string, connectionId: string): Promise<void> {
    const identity = toIdentity(page.person.userId, connectionId)
    truth.hungUp(identity)
    for (let tries = 0; tries < 3; tries++) {
      try {
        await network.request(
          page,
          ({ calls }) => calls.leave(page.person.me, roomId, { callId, connectionId }),
          () => truth.owes(identity, 1_000, hangingUp),
        )
        return
      } catch (error) {
        if (!(error instanceof NoAnswer) && !(error instanceof AppError)) throw error
        await world.sleep(500, page)
      }
    }
  }

  function end(page: Page): void {
    page.dead = true
    page.wants = false
  }

  /** The browser is gone without a word: LiveKit finds out by itself. */
  function goSilent(page: Page): Timer | null {
    return page.session && page.session.endedAt === null ? livekit.goSilent(page.session) : null
  }

  const people: People = {
    all,
    add(name) {
      const userId = name.toLowerCase()
      const me = signedIn(userId, name)
      const person: Person = {
        name,
        userId,
        me,
        pages: [],
        offlineUntil: 0,
        isOnline: () => world.now() >= person.offlineUntil,
        client: createLiveClient({
          world,
          random,
          ledger: deps.ledger,
          roomId,
          me,
          server: deps.server,
          isOnline: () => person.isOnline(),
          line: deps.line,
          follow: deps.follow,
        }),
      }
      all.push(person)
      return person
    },

    pageOf: (person) => person.pages.findLast(isAlive),

    join(person, { connectionId = deps.newId(), withoutMedia = false } = {}) {
      const page: Page = {
        dead: false,
        person,
        connectionId,
        callId: null,
        session: null,
        wants: true,
        isOnline: () => person.isOnline(),
      }
      person.pages.push(page)
      pages.push(page)
      tell(page, withoutMedia ? 'joins, with media blocked' : 'joins')
      void takePart(page, withoutMedia)
      return page
    },

    hangUp(page) {
      tell(page, 'hangs up')
      page.wants = false
      const { callId, session } = page
      if (callId === null) return
      void (async () => {
        await tellLeave(page, callId, page.connectionId)
        if (session && session.endedAt === null) livekit.leave(session)
      })()
    },

    close(page, beacon) {
      tell(page, beacon ? 'closes the page' : 'closes the page, unheard')
      const identity = identityOf(page)
      const { callId, connectionId, person, session } = page
      end(page)
      if (beacon && callId !== null && person.isOnline()) {
        truth.saidClosing(identity)
        const sender = { dead: false, isOnline: person.isOnline }
        network
          .request(sender, ({ calls }) =>
            calls.leave(person.me, roomId, { callId, connectionId, closing: true }),
          )
          .then(
            () => truth.owes(identity, 15_000, 'closing the page'),
            () => undefined,
          )
      }
      if (!session || session.endedAt !== null) return
      if (beacon && person.isOnline())
        world.after(random.between(1, 30), () => livekit.leave(session))
      else livekit.goSilent(session)
    },

    crash(page) {
      tell(page, 'crashes')
      end(page)
      goSilent(page)
    },

    goOffline(person, ms) {
      world.tell(person.name, `is offline for ${(ms / 1000).toFixed(1)} s`)
      person.offlineUntil = world.now() + ms
      person.client.cut()
      const timers = person.pages.filter(isAlive).map((page) => ({ page, timer: goSilent(page) }))
      world.after(ms, () => {
        world.tell(person.name, 'is online again')
        // In time: the signalling resumes, and the session stays what it was.
        timers.forEach(({ timer }) => timer?.cancel())
      })
    },

    fullReconnect(page, late) {
      const { session } = page
      if (!session || session.endedAt !== null || !page.isOnline()) return
      tell(page, 'reconnects fully')
      const token = session.refreshed()
      const line = {
        mediaAfterMs: random.between(50, 1_500),
        ended: (reason: string) => {
          if (page.session !== next) return
          tell(page, `lost it again: ${reason}`)
          if (isAlive(page) && reason !== 'PARTICIPANT_REMOVED' && reason !== 'ROOM_DELETED') {
            void takePart(page, false)
          } else {
            page.wants = false
          }
        },
      }
      let next: Session | null = null
      page.session = null
      // Half of the time it says goodbye first; else LiveKit finds it twice.
      if (late || random.chance(0.5)) livekit.leave(session)
      world.after(
        late ? random.between(8_800, 10_200) : random.between(10, 1_500),
        () => {
          if (!isAlive(page)) return
          try {
            next = livekit.connect(token, line)
            page.session = next
          } catch {
            void takePart(page, false)
          }
        },
        page,
      )
    },

    replay(person, token) {
      if (!person.isOnline()) return
      try {
        livekit.connect(token, {
          mediaAfterMs: random.chance(0.7) ? random.between(50, 1_500) : null,
          ended: () => undefined,
        })
        world.tell(person.name, `comes back to LiveKit with an old token`)
      } catch {
        world.tell(person.name, `is refused by LiveKit`)
      }
    },

    isWanted: (identity) => pages.some((page) => isAlive(page) && identityOf(page) === identity),

    nameOf(identity) {
      const [userId = '', connectionId] = identity.split(':')
      const known = all.find((person) => person.userId === userId)?.name ?? userId
      return connectionId === undefined ? known : `${known}[${connectionId}]`
    },
  }
  return people
}

const origin = { secure: false, host: 'localhost' }

function signedIn(userId: string, displayName: string): SignedIn {
  return {
    user: { id: userId, login: userId, displayName, admin: false, createdAt: 0, deletedAt: null },
    sessionId: `session of ${userId}`,
    tokenHash: '',
    expiresAt: Infinity,
  }
}
