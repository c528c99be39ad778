/**
 * A simulated LiveKit (livekit-facts.md): rooms with sids, sessions that come up, refreshed tokens,
 * time-outs, listings that lag behind. Its table is the truth about who is connected.
 */
import type { DisconnectName } from '../../machines/voice-session.reasons.ts'
import type { Faults } from './faults.ts'
import { createWebhookQueue, type SendReport } from './livekit-webhooks.ts'
import type { Random } from './random.ts'
import type { Timer } from '../../server/time/clock.ts'
import type { World } from './world.ts'

export interface LivekitToken {
  roomName: string
  identity: string
  expiresAt: number
}

/** The browser's end of a session. */
export interface Line {
  /** Until media is up; null when it never is. */
  mediaAfterMs: number | null
  up(): void
  ended(reason: DisconnectName): void
}

export interface Session {
  readonly identity: string
  readonly roomName: string
  readonly roomSid: string
  readonly sid: string
  readonly startedAt: number
  activeAt: number | null
  endedAt: number | null
  /** Reconnects after the first connect are made with this one. */
  refreshed(): LivekitToken
}

interface LivekitRoom {
  name: string
  sid: string
  madeAt: number
  closedAt: number | null
  /** Everybody who ever was in it, in order. */
  sessions: Session[]
  closing: Timer | null
}

export interface SimulatedLivekit {
  isUp(): boolean
  /** Throws `token-expired` or `livekit-down`. A person who is in the room already is taken over. */
  connect(token: LivekitToken, line: Line): Session
  /** The browser says goodbye. */
  leave(session: Session): void
  /** The browser's traffic stops; over when it does not come back in time. */
  goSilent(session: Session): Timer
  restart(isCrash: boolean, downMs: number): void
  /** What RoomService says and does; may lag. */
  listRooms(names: string[] | undefined, lagMs: number): { name: string; sid: string }[]
  listSessions(roomName: string, lagMs: number): Session[]
  remove(roomName: string, identity: string): void
  closeRoom(roomName: string): void
  /** The truth. */
  alive(): Session[]
  /** The latest session that an identity ever had. */
  lastSidOf(identity: string): string | undefined
}

const departureMs = 20_000
const emptyMs = 300_000
const joinFailureMs = 60_000
const refreshedForMs = 600_000
const leewayMs = 60_000

export function createSimulatedLivekit(
  world: World,
  faults: Faults,
  random: Random,
  send: SendReport,
  nameOf: (identity: string) => string,
): SimulatedLivekit {
  let rooms = new Map<string, LivekitRoom>()
  /** Rooms that are over but that a lagging listing may still show. */
  let past: LivekitRoom[] = []
  let up = true
  let sids = 0
  const lines = new Map<Session, Line>()
  const lastSids = new Map<string, string>()
  const webhooks = createWebhookQueue(world, faults, random, send)
  const tell = (what: string) => world.tell('LiveKit', what)

  const ofRoom = (room: LivekitRoom) => ({ name: room.name, sid: room.sid })
  const ofPerson = (s: Session, state: string, disconnectReason?: string) => ({
    sid: s.sid,
    identity: s.identity,
    state,
    joinedAt: String(Math.floor(s.startedAt / 1000)),
    joinedAtMs: String(s.startedAt),
    ...(disconnectReason !== undefined && { disconnectReason }),
  })
  const aliveIn = (room: LivekitRoom) => room.sessions.filter((s) => s.endedAt === null)

  function makeRoom(name: string): LivekitRoom {
    const room: LivekitRoom = {
      name,
      sid: `RM_${++sids}`,
      madeAt: world.now(),
      closedAt: null,
      sessions: [],
      closing: null,
    }
    rooms.set(name, room)
    tell(`opens the room ${room.sid}`)
    webhooks.add(name, 'room_started', { room: ofRoom(room) })
    closeLater(room, emptyMs)
    return room
  }

  function closeLater(room: LivekitRoom, ms: number): void {
    room.closing?.cancel()
    room.closing = world.after(ms, () => {
      if (aliveIn(room).length === 0) finish(room)
    })
  }

  function finish(room: LivekitRoom): void {
    if (room.closedAt !== null) return
    room.closedAt = world.now()
    room.closing?.cancel()
    rooms.delete(room.name)
    past.push(room)
    tell(`closes the room ${room.sid}`)
    webhooks.add(room.name, 'room_finished', { room: ofRoom(room) })
  }

  function end(room: LivekitRoom, session: Session, reason: DisconnectName): void {
    if (session.endedAt !== null) return
    session.endedAt = world.now()
    tell(`${nameOf(session.identity)} is out: ${session.sid} ${reason}`)
    if (session.activeAt === null) {
      const aborted = reason === 'JOIN_FAILURE' ? reason : 'SIGNAL_CLOSE'
      webhooks.add(room.name, 'participant_connection_aborted', {
        room: ofRoom(room),
        participant: ofPerson(session, 'DISCONNECTED', aborted),
      })
    } else {
      webhooks.add(room.name, 'participant_left', {
        room: ofRoom(room),
        participant: ofPerson(session, 'DISCONNECTED', reason),
      })
    }
    lines.get(session)?.ended(reason)
    lines.delete(session)
    if (aliveIn(room).length === 0) closeLater(room, departureMs)
  }

  const roomOf = (session: Session) => {
    const room = rooms.get(session.roomName)
    return room?.sid === session.roomSid ? room : undefined
  }

  return {
    isUp: () => up,

    connect({ roomName, identity, expiresAt }, line) {
      if (!up) throw new Error('livekit-down')
      if (expiresAt + leewayMs < world.now()) throw new Error('token-expired')
      const room = rooms.get(roomName) ?? makeRoom(roomName)
      room.closing?.cancel()
      const before = aliveIn(room).find((s) => s.identity === identity)
      if (before) end(room, before, 'DUPLICATE_IDENTITY')
      room.closing?.cancel()
      const session: Session = {
        identity,
        roomName,
        roomSid: room.sid,
        sid: `PA_${++sids}`,
        startedAt: world.now(),
        activeAt: null,
        endedAt: null,
        refreshed: () => ({ roomName, identity, expiresAt: world.now() + refreshedForMs }),
      }
      room.sessions.push(session)
      lastSids.set(identity, session.sid)
      lines.set(session, line)
      tell(`${nameOf(identity)} is there: ${session.sid} in ${room.sid}, no media yet`)
      world.after(line.mediaAfterMs ?? joinFailureMs, () => {
        if (session.endedAt !== null) return
        if (line.mediaAfterMs === null) {
          end(room, session, 'JOIN_FAILURE')
          return
        }
        session.activeAt = world.now()
        line.up()
        tell(`${nameOf(identity)} is up: ${session.sid}`)
        webhooks.add(roomName, 'participant_joined', {
          room: ofRoom(room),
          participant: ofPerson(session, 'ACTIVE'),
        })
      })
      return session
    },

    leave(session) {
      const room = roomOf(session)
      if (room) end(room, session, 'CLIENT_INITIATED')
    },

    goSilent: (session) =>
      world.after(random.between(15_000, 20_000), () => {
        const room = roomOf(session)
        if (room) end(room, session, 'CONNECTION_TIMEOUT')
      }),

    restart(isCrash, downMs) {
      tell(isCrash ? 'crashes' : 'stops')
      webhooks.forget()
      for (const room of rooms.values()) {
        room.closing?.cancel()
        room.closedAt = world.now()
        for (const session of aliveIn(room)) {
          session.endedAt = world.now()
          const line = lines.get(session)
          // After a crash browsers notice by themselves, a little later.
          world.after(isCrash ? random.between(1_000, 8_000) : random.between(5, 50), () =>
            line?.ended(isCrash ? 'UNKNOWN_REASON' : 'SERVER_SHUTDOWN'),
          )
        }
      }
      rooms = new Map()
      past = []
      lines.clear()
      up = false
      world.after(downMs, () => {
        up = true
        tell('is back, empty')
      })
    },

    listRooms(names, lagMs) {
      const at = world.now() - lagMs
      return [...past, ...rooms.values()]
        .filter((room) => room.madeAt <= at && (room.closedAt === null || room.closedAt > at))
        .filter((room) => !names || names.includes(room.name))
        .map(ofRoom)
    },

    listSessions(roomName, lagMs) {
      const at = world.now() - lagMs
      return [...past, ...rooms.values()]
        .filter((room) => room.name === roomName)
        .flatMap((room) => room.sessions)
        .filter((s) => s.startedAt <= at && (s.endedAt === null || s.endedAt > at))
        .map((s) => ({
          ...s,
          activeAt: s.activeAt !== null && s.activeAt <= at ? s.activeAt : null,
        }))
    },

    remove(roomName, identity) {
      const room = rooms.get(roomName)
      const session = room && aliveIn(room).find((s) => s.identity === identity)
      if (session) end(room, session, 'PARTICIPANT_REMOVED')
    },

    closeRoom(roomName) {
      const room = rooms.get(roomName)
      if (!room) return
      for (const session of aliveIn(room)) end(room, session, 'ROOM_DELETED')
      finish(room)
    },

    alive: () => [...rooms.values()].flatMap(aliveIn),
    lastSidOf: (identity) => lastSids.get(identity),
  }
}
