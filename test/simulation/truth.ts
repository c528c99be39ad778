/**
 * What is true: LiveKit's table and what people did. Judges each change of the call, and how long
 * the call may differ from the truth; time in which something of ours is disturbed does not count.
 */
import {
  liveConnections,
  toIdentity,
  userIdOf,
  type CallContext,
} from '../../machines/call.context.ts'
import type { CallView } from '../../machines/call.view.ts'
import {
  goneWhyOf,
  isClosing,
  isGone,
  isShutOut,
  phaseOf,
  type Connection,
} from '../../machines/connection.machine.ts'
import { voiceSessionTiming } from '../../machines/voice-session.setup.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import type { Faults } from './faults.ts'
import type { CallChange, Ledger } from './ledger.ts'
import { isSame, type LiveClient } from './live-client.ts'
import type { Session, SimulatedLivekit } from './livekit.ts'
import { toName } from './server.ts'
import type { World } from './world.ts'

export interface Truth {
  /** What people did. */
  hungUp(identity: string): void
  saidClosing(identity: string): void
  removed(userId: string): void
  /** A page was answered that it is let in; `isWanted`: by somebody who waits for that (R16). */
  letIn(identity: string, isWanted: () => boolean): void
  /** A page that lost the call at `lostAt` does not come back any more (F19). */
  gaveUp(userId: string, callId: string | null, lostAt: number): void
  roomDeleted(): void
  /** Our server took it: from now on its end is owed in time, unless it is there again. */
  owes(identity: string, withinMs: number, why: string): void
  lied(): void
  livekitRestarted(): void
  judge(change: CallChange, facts: readonly LogFact[], at: number): void
  evicts(roomName: string, identity: string): void
  closes(roomName: string): void
  /** So much time passed. */
  tick(ms: number): void
  /** After the quiet end: nothing may differ any more. */
  settle(): void
}

export interface TruthDeps {
  world: World
  faults: Faults
  livekit: SimulatedLivekit
  ledger(): Ledger
  roomId: string
  nameOf(identity: string): string
  /** Whether a page of this connection still wants to be in the call. */
  isWanted(identity: string): boolean
  clients(): readonly { name: string; userId: string; client: LiveClient; online: boolean }[]
  serverIsUp(): boolean
  /** How far the server's time is from the world's. */
  serverAheadMs(): number
}

export const hangingUp = 'hanging up'

/** Nobody who is gone stays longer, whatever happened to the webhooks. */
const ghostMs = 60_000
const strangerMs = 75_000
const unseenMs = 8_000
const unlistedMs = 45_000
const clientMs = 3_000
const { giveUpMs } = voiceSessionTiming

export function createTruth(deps: TruthDeps): Truth {
  const { world, faults, livekit, nameOf } = deps
  const byes = new Set<string>()
  const closings = new Set<string>()
  const removals = new Set<string>()
  const owed = new Map<string, { since: number; by: number; why: string }>()
  const counted = new Map<string, number>()
  const compared = new Map<string, { shown: CallView | null; view: CallView | null }>()
  let isRoomDeleted = false
  let liedAt = -Infinity
  let restartedAt = -Infinity

  const name = (c: Connection) => nameOf(toIdentity(c.userId, c.connectionId))
  const aliveOf = (callId: string, identity: string): Session | undefined =>
    livekit
      .alive()
      .find((s) => s.identity === identity && s.roomName === toName(deps.roomId, callId))
  const isThere = (callId: string, identity: string) =>
    aliveOf(callId, identity) !== undefined || deps.isWanted(identity)

  function judgeEnd(change: CallChange, identity: string, before: Connection, at: number): void {
    const { after } = change
    const connection = after.connections[identity]
    if (!connection || !isGone(connection)) return
    switch (goneWhyOf(connection)) {
      case 'left':
        if (!byes.has(identity)) world.fail('R34', `${nameOf(identity)} never hung up, and is left`)
        return
      case 'removed':
        if (!removals.has(connection.userId)) {
          world.fail('R18', `${nameOf(identity)} was never removed, and is`)
        }
        return
      case 'handover':
        if (
          !Object.values(after.connections).some(
            (c) => c.userId === connection.userId && c.joinOrder > connection.joinOrder,
          )
        ) {
          world.fail('R9', `${nameOf(identity)} is handed over to nobody`)
        }
        return
      case 'closed':
        if (!closings.has(identity)) {
          world.fail('R17', `${nameOf(identity)} never said that it closes`)
        }
        return
      case 'expired':
        judgeExpiry(change.after.callId, identity, before, at)
        return
      default:
        world.fail('R34', `${nameOf(identity)} is gone for no reason`)
    }
  }

  /** R34: who came back within the doubt stays. */
  function judgeExpiry(callId: string, identity: string, before: Connection, at: number): void {
    if (before.deadlineAt === null || at < before.deadlineAt) {
      world.fail('R34', `${nameOf(identity)} expires before its deadline`)
      return
    }
    const session = aliveOf(callId, identity)
    if (!session) return
    // Where somebody set its clock, the server's time comes nearer to that while it waits.
    const comesNearerMs = faults.movedMs() === 0 ? 0 : 5_000
    const deadlineAt = before.deadlineAt - deps.serverAheadMs() - comesNearerMs
    if (session.startedAt > deadlineAt || liedAt > deadlineAt) return
    world.fail(
      'R34',
      `${nameOf(identity)} is thrown out of the call, and was back ` +
        `${((deadlineAt - session.startedAt) / 1000).toFixed(1)} s before its doubt was over`,
    )
  }

  function judgeFact(fact: LogFact, call: CallContext): void {
    if (fact.type === 'call.ended') {
      const isFine =
        fact.reason === 'last-left' || (fact.reason === 'room-deleted' && isRoomDeleted)
      if (!isFine) world.fail('R14', `the call ends: ${fact.reason}`)
    }
    if (fact.type !== 'participant.reconnecting') return
    const now = world.now()
    if (now - liedAt < 15_000 || now - restartedAt < 60_000) return
    for (const c of liveConnections(call)) {
      if (c.userId !== fact.userId || isClosing(c)) continue
      const session = aliveOf(call.callId, toIdentity(c.userId, c.connectionId))
      const isSeen = session?.activeAt != null && session.sid === c.participantSid
      if (isSeen && session.activeAt !== null && now - session.activeAt > 10_000) {
        world.fail('R35', `${name(c)} is shown as reconnecting, and was connected all the time`)
      }
    }
  }

  /** Counts the time that something differs; gives it. */
  function count(key: string, differs: boolean, ms: number): number {
    const total = differs ? (counted.get(key) ?? 0) + ms : 0
    if (differs) counted.set(key, total)
    else counted.delete(key)
    return total
  }

  function tickConnections(ms: number): void {
    const { call } = deps.ledger()
    for (const identity of owed.keys()) {
      const connection = call?.connections[identity]
      if (!connection || isGone(connection)) owed.delete(identity)
    }
    for (const connection of call ? liveConnections(call) : []) {
      if (!call) continue
      const identity = toIdentity(connection.userId, connection.connectionId)
      const isGhost = !isThere(call.callId, identity)
      if (count(`ghost ${identity}`, isGhost, ms) > ghostMs) {
        world.fail('R34', `${nameOf(identity)} is gone for a minute, and still shown`)
      }
      const debt = owed.get(identity)
      if (!debt || world.now() <= debt.by) continue
      owed.delete(identity)
      if (isGhost && faults.calmSince() <= debt.since) {
        world.fail('R34', `${nameOf(identity)} is still shown, too long after ${debt.why}`)
      }
    }
  }

  function tickSessions(ms: number): void {
    const { call, view } = deps.ledger()
    for (const session of livekit.alive()) {
      const { identity, sid } = session
      const isOfCall = call !== null && session.roomName === toName(deps.roomId, call.callId)
      const connection = isOfCall ? call.connections[identity] : undefined
      const isStranger = !connection || isShutOut(connection)
      if (count(`stranger ${sid}`, isStranger, ms) > strangerMs) {
        world.fail('R18', `${nameOf(identity)} may not be in LiveKit's room, and stays there`)
      }
      if (isStranger || isClosing(connection)) continue
      const shown = view?.participants.find((p) => p.userId === connection.userId)?.state
      const isUnseen = session.activeAt !== null && shown !== 'connected'
      const most = isGone(connection) ? unlistedMs : unseenMs
      if (count(`unseen ${sid}`, isUnseen, ms) > most) {
        world.fail('R6', `${nameOf(identity)} is connected and shown as ${shown ?? 'gone'}`)
      }
    }
  }

  function tickClients(ms: number): void {
    const { log, view, members } = deps.ledger()
    for (const { name, userId, client, online } of deps.clients()) {
      const shown = client.shown()
      const isMember = members.has(userId) && !deps.ledger().deleted
      const differs = isMember ? shown?.seq !== log.length : shown !== undefined
      const isBehind = online && client.isConnected() && differs
      if (count(`client ${name}`, isBehind, ms) > clientMs) {
        world.fail('R48', `${name}'s app shows number ${shown?.seq ?? 'none'} of ${log.length}`)
      }
      if (!isMember || shown?.seq !== log.length) continue
      // Compared once for each pair of views.
      const pair = compared.get(name)
      if (pair?.shown === shown.view && pair.view === view) continue
      compared.set(name, { shown: shown.view, view })
      if (!isSame(shown.view, view)) {
        world.fail('R48', `${name}'s app shows ${JSON.stringify(shown.view)}`)
      }
    }
  }

  return {
    hungUp: (identity) => void byes.add(identity),
    saidClosing: (identity) => void closings.add(identity),
    removed: (userId) => void removals.add(userId),
    letIn(identity, isWanted) {
      world.after(1, () => {
        const connection = deps.ledger().call?.connections[identity]
        const isOver = !connection || isGone(connection)
        if (isOver || byes.has(identity) || isWanted()) return
        world.fail('R16', `${nameOf(identity)} gave up before it was let in, and does not leave`)
      })
    },
    gaveUp(userId, callId, lostAt) {
      const { call, log } = deps.ledger()
      const tookMs = world.now() - lostAt
      const wasOut = log.some((fact) => fact.type === 'member.left' && fact.userId === userId)
      if (tookMs >= giveUpMs || call?.callId !== callId || wasOut || isRoomDeleted) return
      world.fail('F19', `${userId} gives a call up that is on, after ${tookMs / 1000} s`)
    },
    roomDeleted() {
      isRoomDeleted = true
    },
    owes(identity, withinMs, why) {
      const since = world.now()
      const by = since + withinMs
      const { call } = deps.ledger()
      const connection = call?.connections[identity]
      if (!call || !connection || isGone(connection)) return
      if (why !== hangingUp && isThere(call.callId, identity)) return
      const before = owed.get(identity)
      if (!before || before.by > by) owed.set(identity, { since, by, why })
    },
    lied() {
      liedAt = world.now()
    },
    livekitRestarted() {
      restartedAt = world.now()
    },
    judge(change, facts, at) {
      for (const [identity, before] of Object.entries(change.before?.connections ?? {})) {
        if (!isGone(before)) judgeEnd(change, identity, before, at)
      }
      for (const connection of liveConnections(change.after)) {
        const before =
          change.before?.connections[toIdentity(connection.userId, connection.connectionId)]
        const isFresh =
          phaseOf(connection) === 'doubtful' && (!before || phaseOf(before) !== 'doubtful')
        if (isFresh && (connection.deadlineAt ?? 0) < at + 10_000) {
          world.fail('R34', `${name(connection)} has a doubt of less than ten seconds`)
        }
      }
      facts.forEach((fact) => judgeFact(fact, change.after))
    },
    evicts(roomName, identity) {
      const { call } = deps.ledger()
      if (!call || roomName !== toName(deps.roomId, call.callId)) return
      const connection = call.connections[identity]
      if (connection && !isShutOut(connection)) {
        world.fail('R18', `${nameOf(identity)} is thrown out of LiveKit, and may be there`)
      }
    },
    closes(roomName) {
      const { call } = deps.ledger()
      if (call && roomName === toName(deps.roomId, call.callId)) {
        world.fail('R39', 'the room of the call that is on is closed')
      }
    },
    tick(ms) {
      const isCalm = deps.serverIsUp() && world.now() >= faults.calmSince()
      if (!isCalm) return
      tickConnections(ms)
      tickSessions(ms)
      tickClients(ms)
    },
    settle() {
      const { call, view } = deps.ledger()
      if (call && call.unreachableSince !== null) world.fail('R37', 'the call is still unconfirmed')
      for (const { userId, state } of view?.participants ?? []) {
        if (state !== 'connected' && !deps.clients().some((one) => one.userId === userId)) {
          world.fail('R28', `${userId} is nobody`)
        }
      }
      for (const session of livekit.alive()) {
        const userId = userIdOf(session.identity) ?? ''
        if (!deps.ledger().members.has(userId)) {
          world.fail('R18', `${nameOf(session.identity)} is no member and still in LiveKit's room`)
        }
      }
    },
  }
}
