/**
 * Compares the active calls with LiveKit's rooms and participants, in both directions (R33–R40).
 * What differs becomes a step of the call, with source `reconciliation`.
 */
import type { Logger } from 'pino'
import { userIdOf } from '../../machines/call.context.ts'
import type { CallStore } from '../../persistence/store.ts'
import type { Config } from '../config/config.ts'
import type { LivekitPort } from '../livekit/livekit-port.ts'
import type { RoomSteps } from '../rooms/room-step.ts'
import type { Clock } from '../time/clock.ts'
import { createRepeat, type Repeat } from '../time/repeat.ts'
import type { CallIndex, IndexedCall } from './call-index.ts'
import { createFailedPasses } from './failed-passes.ts'
import type { LivekitHealth } from './livekit-health.ts'
import { createSignsOfLife } from './signs-of-life.ts'

export interface ReconcileDeps {
  livekit: Pick<LivekitPort, 'listRooms' | 'listSessions' | 'closeRoom'>
  index: CallIndex
  steps: RoomSteps
  calls: Pick<CallStore, 'stateOf' | 'lastReportAt'>
  health: LivekitHealth
  toName(roomId: string, callId: string): string
  /** Undefined for rooms of others. */
  parseName(livekitRoomName: string): { roomId: string; callId: string } | undefined
  clock: Clock
  timing: Pick<
    Config['calls'],
    'listingIntervalMs' | 'restlessIntervalMs' | 'doubtMs' | 'livekitAwayMs'
  >
  /** R37: before this time nobody's deadline ends; after LiveKit could not be asked, later. */
  graceUntil: number
  log: Logger
}

export interface Reconciler extends Pick<Repeat, 'start' | 'stop'> {
  /** One comparison of all active calls as soon as may be. */
  passSoon(): void
  /** One comparison of all active calls, now; for a start and for tests. */
  passAll(): Promise<void>
}

const listingsAtOnce = 8

export function createReconciler(deps: ReconcileDeps): Reconciler {
  const { livekit, index, steps, clock, timing, log, health } = deps
  const { now } = clock
  /** Calls that a listing showed since the last trouble: a missing room of the others gets the longer doubt. */
  const seenSinceTrouble = new Set<string>()
  const failedPasses = createFailedPasses(timing.livekitAwayMs)
  const signs = createSignsOfLife({ health, calls: deps.calls, now })
  let { graceUntil } = deps
  let lastAllAt = -Infinity
  let lastRestlessAt = -Infinity

  const isWanted = (call: IndexedCall, at: number) =>
    call.isRestless || call.restlessUntil > at || (call.listingAt !== null && call.listingAt <= at)

  function nextAt(): number {
    const all = lastAllAt + timing.listingIntervalMs
    const soonest = lastRestlessAt + timing.restlessIntervalMs
    if (health.isTroubled() && index.calls.size > 0) return Math.min(all, soonest)
    let next = all
    const at = now()
    for (const call of index.calls.values()) {
      if (
        health.webhooksAreDoubted() ||
        call.isRestless ||
        call.restlessUntil > at ||
        failedPasses.has(call.callId)
      ) {
        next = Math.min(next, soonest)
      }
      // A deadline's listing begins exactly when it may count, not at the next round (R34).
      if (call.listingAt !== null && call.listingAt > lastRestlessAt) {
        next = Math.min(next, call.listingAt)
      }
    }
    return next
  }

  async function pass(): Promise<void> {
    const at = now()
    const isForAll =
      at >= lastAllAt + timing.listingIntervalMs ||
      health.webhooksAreDoubted() ||
      health.isTroubled()
    await (isForAll ? passAll() : passSome(at))
  }

  async function passAll(): Promise<void> {
    const begunAt = now()
    lastAllAt = begunAt
    lastRestlessAt = begunAt
    const rooms = await listRooms([...index.calls.values()], begunAt)
    if (!rooms) return
    await compareEach([...index.calls.values()], rooms, begunAt)
    await closeEnded(rooms)
  }

  async function passSome(at: number): Promise<void> {
    const begunAt = now()
    lastRestlessAt = begunAt
    const wanted = [...index.calls.values()].filter((call) => isWanted(call, at))
    if (wanted.length === 0) return
    const names = wanted.map((call) => deps.toName(call.roomId, call.callId))
    const rooms = await listRooms(wanted, begunAt, names)
    if (rooms) await compareEach(wanted, rooms, begunAt)
  }

  /** Null when LiveKit could not be asked: nothing is put in doubt or removed by a failed pass (R36). */
  async function listRooms(
    calls: IndexedCall[],
    begunAt: number,
    names?: string[],
  ): Promise<Map<string, string> | null> {
    try {
      const rooms = await livekit.listRooms(names)
      if (health.isTroubled()) graceUntil = Math.max(graceUntil, now() + timing.doubtMs)
      health.reached()
      return new Map(rooms.map((room) => [room.name, room.sid]))
    } catch (error) {
      seenSinceTrouble.clear()
      health.failed(error)
      await forEach(calls, (call) => recordFailedPass(call, begunAt))
      return null
    }
  }

  /** R37: passes that fail for long make the call unconfirmed, and end it at last. */
  async function recordFailedPass({ roomId, callId }: IndexedCall, begunAt: number): Promise<void> {
    failedPasses.add(callId, begunAt)
    const since = failedPasses.since(callId, now(), signs.seenAt())
    if (since === null) return
    try {
      const aliveAt = await signs.lastAt()
      const context = await steps.run(roomId, {}, () => ({
        comesAgain: true,
        callEvent: (at) => ({ type: 'livekit.unreachable', at, callId, since, aliveAt }),
        result: ({ state }) => state.call?.context ?? null,
      }))
      failedPasses.markReported(callId, now(), context?.unreachableSince ?? since)
    } catch (error) {
      log.warn({ err: error, callId }, 'a call could not be told that LiveKit is away')
    }
  }

  /** A few at a time, in no particular order. */
  async function forEach(
    calls: IndexedCall[],
    work: (call: IndexedCall) => Promise<void>,
  ): Promise<void> {
    const waiting = [...calls]
    const worker = async () => {
      for (let call = waiting.pop(); call; call = waiting.pop()) await work(call)
    }
    await Promise.all(Array.from({ length: listingsAtOnce }, worker))
  }

  async function compareEach(
    calls: IndexedCall[],
    rooms: Map<string, string>,
    begunAt: number,
  ): Promise<void> {
    await forEach(calls, async (call) => {
      try {
        await compare(call, rooms, begunAt)
        seenSinceTrouble.add(call.callId)
        failedPasses.forget(call.callId)
      } catch (error) {
        // One room's failure never stops the others (R40).
        seenSinceTrouble.delete(call.callId)
        log.warn({ err: error, callId: call.callId }, 'a call could not be compared with LiveKit')
        await recordFailedPass(call, begunAt)
      }
    })
    failedPasses.keepOnly((callId) => index.calls.has(callId))
    for (const callId of seenSinceTrouble) {
      if (!index.calls.has(callId)) seenSinceTrouble.delete(callId)
    }
  }

  async function compare(
    { roomId, callId }: IndexedCall,
    rooms: Map<string, string>,
    begunAt: number,
  ): Promise<void> {
    const name = deps.toName(roomId, callId)
    const livekitRoomSid = rooms.get(name) ?? null
    const sessions = livekitRoomSid === null ? [] : await livekit.listSessions(name)
    if (index.isAsKnown(callId, { livekitRoomSid, sessions })) return
    const userIds = sessions.map((session) => userIdOf(session.identity))
    const call = await steps.run(
      roomId,
      { members: userIds.filter((userId) => userId !== undefined) },
      (state) => ({
        comesAgain: true,
        callEvent: (at) => ({
          type: 'livekit.listed',
          at,
          callId,
          begunAt,
          livekitRoomSid,
          sessions: sessions.map((session, i) => ({
            ...session,
            isMember: userIds[i] !== undefined && state.members.has(userIds[i]),
          })),
          isFirst: !seenSinceTrouble.has(callId),
          graceUntil,
        }),
        result: ({ state }) => state.call,
      }),
    )
    index.setCall(callId, call)
  }

  /** R39: a LiveKit room of ours whose call has ended is closed; one that we never knew is left alone. */
  async function closeEnded(rooms: Map<string, string>): Promise<void> {
    for (const name of rooms.keys()) {
      const parsed = deps.parseName(name)
      if (!parsed || index.calls.has(parsed.callId)) continue
      try {
        if ((await deps.calls.stateOf(parsed.callId)) === 'ended') await livekit.closeRoom(name)
      } catch (error) {
        log.warn({ err: error, callId: parsed.callId }, 'the room of an ended call stays open')
      }
    }
  }

  const repeat = createRepeat({
    clock,
    nextAt,
    run: pass,
    onError: (error) => log.error({ err: error }, 'calls could not be compared with LiveKit'),
  })
  index.onChange(repeat.plan)
  return {
    ...repeat,
    passAll,
    passSoon() {
      lastAllAt = -Infinity
      repeat.plan()
    },
  }
}
