/**
 * People and their browsers. A page runs our client's own voice session (web/voice-session)
 * on the world's clock; what is simulated is the browser around it, and what happens to that.
 */
import { toIdentity } from '../../machines/call.context.ts'
import { hasPlace } from '../../machines/voice-session.machine.ts'
import { refusalOfCode, standingIn } from '../../machines/voice-session.reasons.ts'
import type { SignedIn } from '../../server/auth/signed-in.ts'
import { AppError } from '../../server/errors.ts'
import type { Join } from '../../server/protocol/wire.ts'
import { createVoiceSession } from '../../web/voice-session/create-voice-session.ts'
import type {
  SavedPlace,
  VoiceSession,
  VoiceSessionPorts,
} from '../../web/voice-session/voice-session.types.ts'
import type { Ledger } from './ledger.ts'
import { createLiveClient, type LiveClient, type LiveClientDeps } from './live-client.ts'
import type { LivekitToken, SimulatedLivekit } from './livekit.ts'
import { createMediaLine, type MediaLine } from './media-line.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'
import type { Planted, SimulatedServer } from './server.ts'
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

/** One page load, as one tab shows it. */
export interface Page extends Owner {
  readonly person: Person
  readonly voice: VoiceSession<MediaLine>
  /** What a reload of the tab comes back by. */
  saved: SavedPlace | null
  /** What it asks for, or was given. */
  connectionId: string
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
  planted: Planted
  server(): SimulatedServer | null
  newId(): string
  line: LiveClientDeps['line']
  follow: LiveClientDeps['follow']
}

export type People = ReturnType<typeof createPeople>

export function createPeople(deps: PeopleDeps) {
  const { world, random, network, livekit, truth, roomId } = deps
  const all: Person[] = []
  const pages: Page[] = []

  const now = (page: Page) => page.voice.actor.getSnapshot()
  const isOnTheWay = (page: Page) => now(page).matches('checking') || now(page).matches('asking')
  const wants = (page: Page) => !page.dead && (isOnTheWay(page) || hasPlace(now(page)))
  const identityOf = ({ person, connectionId }: Page) => toIdentity(person.userId, connectionId)
  const tell = (page: Page, what: string) =>
    world.tell(page.person.name, `${what} [${page.connectionId}]`)

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

  /** The browser as the voice session knows it. */
  function portsOf(page: Page, nextId: () => string, withoutMedia: boolean) {
    const { person } = page
    const { me, userId } = person
    const ports: VoiceSessionPorts<MediaLine> = {
      canEncrypt: () => true,
      async join(_roomId, connectionId) {
        try {
          const join = await network.request(page, ({ calls }) =>
            calls.join(me, roomId, { connectionId }, origin),
          )
          if (!join) return { refused: 'calls-off' }
          tell(page, `is let into ${join.callId} as ${join.connectionId}`)
          checkAnswer(page, join)
          truth.letIn(
            toIdentity(userId, join.connectionId),
            () => page.dead || (wants(page) && page.connectionId === join.connectionId),
          )
          return { join }
        } catch (error) {
          const code = error instanceof AppError ? error.code : 'no answer'
          tell(page, `is not let in: ${code}`)
          return { refused: refusalOfCode(code) }
        }
      },
      async leave({ callId, connectionId }, failed) {
        const identity = toIdentity(userId, connectionId)
        const request = { callId, connectionId, failed }
        const arrived = () => truth.owes(identity, 1_000, hangingUp)
        truth.hungUp(identity)
        await network.request(page, ({ calls }) => calls.leave(me, roomId, request), arrived)
      },
      leaveBeacon({ callId, connectionId }) {
        const identity = toIdentity(userId, connectionId)
        const request = { callId, connectionId, closing: true }
        truth.saidClosing(identity)
        // It arrives though the page does not live to see it.
        network
          .request({ ...page }, ({ calls }) => calls.leave(me, roomId, request))
          .then(() => truth.owes(identity, 15_000, 'closing the page'))
          .catch(() => undefined)
      },
      async standing(_roomId, callId) {
        try {
          const call = await network.request(page, ({ calls }) => calls.get(me, roomId))
          return standingIn(call, callId, userId)
        } catch (error) {
          const isGone =
            error instanceof AppError && ['not-a-member', 'not-found'].includes(error.code)
          const shown = person.client.shown()
          return isGone ? 'room-gone' : shown ? standingIn(shown.view, callId, userId) : 'in-call'
        }
      },
      loadMedia: () =>
        Promise.resolve((join, told) =>
          createMediaLine({ world, random, livekit, page, withoutMedia, tell: told }, join),
        ),
      mediaGone: () => undefined,
      lock: {
        acquireIfFree: () => Promise.resolve(true),
        steal: () => undefined,
        release: () => undefined,
      },
      savedPlace: { read: () => page.saved, write: (place) => (page.saved = place) },
      announce: () => undefined,
      over: () => undefined,
      newId: () => (page.connectionId = nextId()),
      clock: {
        setTimeout: (work: () => void, ms) => world.after(ms, work, page),
        clearTimeout: (timer?: { cancel(): void }) => timer?.cancel(),
      },
    }
    return deps.planted.page?.(ports, world) ?? ports
  }

  function open(
    person: Person,
    how: { saved?: SavedPlace | null; connectionId?: string; withoutMedia?: boolean } = {},
  ): Page {
    const ids = how.connectionId === undefined ? [] : [how.connectionId]
    const nextId = () => ids.pop() ?? deps.newId()
    const page = {
      dead: false,
      person,
      saved: how.saved ?? null,
      connectionId: '',
      isOnline: person.isOnline,
    } as Page
    const ports = portsOf(page, nextId, how.withoutMedia ?? false)
    Object.assign(page, { voice: createVoiceSession(ports) })
    person.pages.push(page)
    pages.push(page)
    follow(page)
    return page
  }

  /** What the page's person sees of it, and does then. */
  function follow(page: Page): void {
    let before = now(page)
    let lostAt: number | null = null
    page.voice.actor.subscribe((snapshot) => {
      const was = before
      before = snapshot
      if (page.dead || JSON.stringify(was.value) === JSON.stringify(snapshot.value)) return
      const { reason, connectionId, callId } = snapshot.context
      page.connectionId = connectionId ?? page.connectionId
      tell(page, `is ${JSON.stringify(snapshot.value)}${reason ? `: ${reason}` : ''}`)
      if (snapshot.matches('connected')) lostAt = null
      else if (was.matches('connected')) lostAt = world.now()
      if (!snapshot.matches('failed') && !snapshot.matches('ended')) return
      if (lostAt !== null && reason === 'gave-up') truth.gaveUp(page.person.userId, callId, lostAt)
      const mayTryAgain = ['server-unreachable', 'livekit-unreachable', 'gave-up', 'call-ended']
      if (!mayTryAgain.includes(reason ?? '') || !random.chance(0.8)) return
      // Does nothing where the page is in it again by then.
      world.after(random.between(500, 6_000), () => page.voice.join(roomId), page)
    })
  }

  /** The browser is gone without a word; LiveKit finds out by itself. */
  function crash(page: Page): void {
    tell(page, 'is gone')
    page.dead = true
    page.voice.connection()?.goSilent()
  }

  return {
    all,
    add(name: string): Person {
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
          callEnded(callId) {
            for (const { dead, voice } of person.pages) {
              if (!dead) voice.actor.send({ type: 'call.over', callId, reason: 'call-ended' })
            }
          },
        }),
      }
      all.push(person)
      return person
    },

    /** The page that is in the call now, or tries to be. */
    pageOf: (person: Person): Page | undefined => person.pages.findLast(wants),
    sessionOf: ({ voice }: Page) => voice.connection()?.session() ?? null,

    /** Opens a page and clicks. `connectionId`: the same page asks again. */
    join(person: Person, how: { connectionId?: string; withoutMedia?: boolean } = {}) {
      const page = open(person, how)
      page.voice.join(roomId)
      tell(page, how.withoutMedia ? 'joins, with media blocked' : 'joins')
    },

    /** A page that is loaded in place of this one. */
    reload({ person, saved }: Page) {
      const page = open(person, { saved })
      if (saved) page.voice.comeBack()
      else page.voice.join(roomId)
      tell(page, saved ? 'is loaded again, and comes back' : 'is loaded again, and joins')
    },

    hangUp(page: Page) {
      tell(page, 'hangs up')
      page.voice.actor.send({ type: 'leave.requested' })
    },

    /** Closes the tab; `beacon`: it could still say so. */
    close(page: Page, beacon: boolean) {
      tell(page, beacon ? 'closes the page' : 'closes the page, unheard')
      if (beacon && page.isOnline()) page.voice.closePage()
      crash(page)
    },

    crash,

    goOffline(person: Person, ms: number) {
      world.tell(person.name, `is offline for ${(ms / 1000).toFixed(1)} s`)
      person.offlineUntil = world.now() + ms
      person.client.cut()
      const stalled = person.pages.filter(wants).map((page) => {
        // LiveKit's client sees it, or has seen nothing yet when the network is back.
        const isSeen = random.chance(0.5)
        if (isSeen) page.voice.actor.send({ type: 'livekit.reconnecting' })
        return { page, isSeen, timer: page.voice.connection()?.goSilent() }
      })
      world.after(ms, () => {
        world.tell(person.name, 'is online again')
        for (const { page, isSeen, timer } of stalled) {
          // In time: the signalling resumes, and the session stays what it was.
          timer?.cancel()
          if (page.dead) continue
          if (isSeen && random.chance(0.5)) page.voice.actor.send({ type: 'livekit.reconnected' })
          page.voice.actor.send({ type: 'network.online' })
        }
      })
    },

    /** `late`: it comes back when the doubt is nearly over. */
    fullReconnect(page: Page, late: boolean) {
      if (!page.isOnline()) return
      tell(page, 'reconnects fully')
      page.voice.connection()?.fullReconnect(late)
    },

    /** Connects to LiveKit with what it has, past our server. */
    replay(person: Person, token: LivekitToken) {
      if (!person.isOnline()) return
      try {
        livekit.connect(token, {
          mediaAfterMs: random.chance(0.7) ? random.between(50, 1_500) : null,
          up: () => undefined,
          ended: () => undefined,
        })
        world.tell(person.name, `comes back to LiveKit with an old token`)
      } catch {
        world.tell(person.name, `is refused by LiveKit`)
      }
    },

    isWanted: (identity: string) =>
      pages.some((page) => wants(page) && identityOf(page) === identity),

    nameOf(identity: string): string {
      const [userId = '', connectionId] = identity.split(':')
      const known = all.find((person) => person.userId === userId)?.name ?? userId
      return connectionId === undefined ? known : `${known}[${connectionId}]`
    },
  }
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
