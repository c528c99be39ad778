/**
 * What is really committed, as the database took it: the log, the call's context, its keys. Checks
 * at each commit what must hold whatever happens (I1–I5, I7, R18, R27).
 */
import { isDeepStrictEqual } from 'node:util'
import { rememberGoneMs } from '../../machines/call.change.ts'
import {
  defaultTiming,
  emptyCall,
  liveConnections,
  toIdentity,
  type CallContext,
} from '../../machines/call.context.ts'
import { applyFact, viewOfCall, type CallView } from '../../machines/call.view.ts'
import { isShutOut } from '../../machines/connection.machine.ts'
import type { LogFact } from '../../machines/room.facts.ts'
import type { ActiveCall, CallPersonRow, RoomCommit } from '../../persistence/store.ts'
import { afterStep } from '../../server/rooms/call-steps.ts'
import { contextOf } from '../../server/rooms/snapshot-envelope.ts'
import type { World } from './world.ts'

/** One call's context before and after a commit; an ended call has its last one. */
export interface CallChange {
  before: CallContext | null
  after: CallContext
  hasEnded: boolean
}

export interface Ledger {
  readonly log: readonly LogFact[]
  readonly members: ReadonlySet<string>
  /** The active call. */
  readonly call: CallContext | null
  readonly view: CallView | null
  readonly receipts: ReadonlySet<string>
  /** Calls that ended, oldest first. */
  readonly ended: readonly string[]
  readonly deleted: boolean
  /** Present key epochs by call. */
  readonly keys: ReadonlyMap<string, number>
  /** As `RoomStore.changedSince`. */
  changedSince(at: number): { roomId: string; version: number; seq: number }[]
  /** A commit that the database took. */
  take(commit: RoomCommit): void
}

const clockMarginMs = 5_000

const noRows = () => ({
  connections: new Map<string, ActiveCall['connections'][number]>(),
  people: new Map<string, CallPersonRow>(),
})

export function createLedger(
  world: World,
  roomId: string,
  firstMembers: readonly string[],
  nameOf: (id: string) => string,
  onChange: (change: CallChange, facts: readonly LogFact[], at: number) => void,
): Ledger {
  const log: LogFact[] = []
  const members = new Set(firstMembers)
  const receipts = new Set<string>()
  const ended: string[] = []
  const started = new Set<string>()
  const keys = new Map<string, number>()
  let call: CallContext | null = null
  /** The rows of the call that is on. */
  let stored = noRows()
  let view: CallView | null = null
  let deleted = false
  let version = 0
  let changedAt = -Infinity

  function check(rule: string, holds: boolean, what: () => string): void {
    if (!holds) world.fail(rule, what())
  }

  function takeFact(fact: LogFact): void {
    const last = log.at(-1)
    check('I7', fact.seq === log.length + 1, () => `number ${fact.seq} after ${log.length}`)
    check('I7', !last || fact.at >= last.at, () => `fact ${fact.seq} goes back in time`)
    log.push(fact)
    if (fact.type === 'call.started') {
      check('I1', view === null, () => `a call starts while another one is on`)
      check('I3', !started.has(fact.callId), () => `${fact.callId} starts twice`)
      started.add(fact.callId)
    }
    if (fact.type === 'call.ended') {
      check('I3', view?.callId === fact.callId, () => `${fact.callId} ends, but is not on`)
      ended.push(fact.callId)
    }
    view = applyFact(roomId, view, fact)
  }

  function takeContext(before: CallContext | null, after: CallContext, at: number): void {
    if (before?.callId !== after.callId) return
    for (const [identity, connection] of Object.entries(before.connections)) {
      const next = after.connections[identity]
      if (isShutOut(connection)) {
        const mayBeForgotten = at - (connection.goneAt ?? at) > rememberGoneMs
        check('R18 R51', next ? isShutOut(next) : mayBeForgotten, () => {
          return `${nameOf(identity)} was shut out and is taken again`
        })
      }
    }
  }

  /** R49: what is written one by one is the call that the steps tell of. */
  function takeRows({ call: row, endedCalls }: RoomCommit): void {
    if (endedCalls.length > 0) stored = noRows()
    if (!row || !call) return
    for (const [identity, connection] of Object.entries(row.connections)) {
      if (connection === null) stored.connections.delete(identity)
      else stored.connections.set(identity, { identity, connection })
    }
    for (const person of row.people) {
      const place = stored.people.get(person.userId)?.place ?? person.place
      stored.people.set(person.userId, { ...person, place })
    }
    const written = contextOf({
      envelope: row.envelope,
      connections: [...stored.connections.values()],
      people: [...stored.people.values()],
    })
    check('R49 R51', isDeepStrictEqual(written, call), () => {
      return `the rows give ${JSON.stringify(written)}, the steps ${JSON.stringify(call)}`
    })
  }

  return {
    log,
    members,
    receipts,
    ended,
    keys,
    get call() {
      return call
    },
    get view() {
      return view
    },
    get deleted() {
      return deleted
    },
    changedSince: (at) =>
      changedAt >= at - clockMarginMs ? [{ roomId, version, seq: log.length }] : [],
    take(commit) {
      check('R2', commit.newVersion === version + 1, () => `version ${commit.newVersion}`)
      version = commit.newVersion
      changedAt = world.now()
      for (const { key } of commit.receipts) {
        check('R23', !receipts.has(key), () => `the receipt ${key} twice`)
        receipts.add(key)
      }
      world.tell('commit', inWords(commit, nameOf))
      commit.facts.forEach(takeFact)
      commit.membersRemoved.forEach((userId) => members.delete(userId))
      commit.membersAdded.forEach(({ userId }) => members.add(userId))
      if (commit.room?.deletedAt) deleted = true
      for (const { callId, keyEpoch } of commit.keysMinted) keys.set(callId, keyEpoch)
      for (const { callId } of commit.keysShredded) keys.delete(callId)

      for (const step of commit.steps) {
        const before = call?.callId === step.callId ? call : null
        const after = afterStep(before ?? emptyCall(roomId, defaultTiming), step)
        takeContext(before, after, step.at)
        const hasEnded = step.state === 'ended'
        const ofStep = ({ seq }: LogFact) =>
          seq >= (step.firstSeq ?? Infinity) && seq <= (step.lastSeq ?? 0)
        onChange({ before, after, hasEnded }, commit.facts.filter(ofStep), step.at)
        call = hasEnded ? null : after
      }
      takeRows(commit)
      check('I4', JSON.stringify(view) === JSON.stringify(call && viewOfCall(call)), () => {
        return `the facts give ${JSON.stringify(view)}, the call is ${JSON.stringify(call && viewOfCall(call))}`
      })
      const holders = [...keys.keys()]
      check('I2', holders.length === (call ? 1 : 0) && (!call || keys.has(call.callId)), () => {
        return `keys of ${holders.join(', ') || 'no call'} while ${call?.callId ?? 'none'} is on`
      })
      if (!call) return
      for (const { userId, connectionId } of liveConnections(call)) {
        check('R18 R27', members.has(userId), () => {
          return `${nameOf(toIdentity(userId, connectionId))} is listed and is no member`
        })
      }
    },
  }
}

/** The steps and facts of a commit, for the story. */
function inWords(commit: RoomCommit, nameOf: (id: string) => string): string {
  const facts = commit.facts.map((fact) => {
    const reason = 'reason' in fact ? ` (${fact.reason})` : ''
    return 'userId' in fact ? `${fact.type} ${nameOf(fact.userId)}${reason}` : fact.type + reason
  })
  const steps = commit.steps.map((step) => step.event)
  const effects = commit.effects.map((effect) => effect.effectId)
  return [
    `v${commit.newVersion}`,
    steps.length > 0 ? steps.join(', ') : 'no step',
    facts.length > 0 ? `→ ${facts.join(', ')}` : '',
    effects.length > 0 ? `and will ${effects.join(', ')}` : '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}
