/** Commits as the mailbox would make them, short enough to read in a test. */
import type { LogFact } from '../../machines/room.facts.ts'
import type { KeyRow, RoomCommit, RoomStore, StepRecord } from '../../persistence/store.ts'

/** When the stories of these tests happen. */
export const t0 = 1_700_000_000_000

export const newRoom = (
  roomId: string,
  more: Partial<Parameters<RoomStore['create']>[0]> = {},
) => ({
  roomId,
  name: `Room ${roomId}`,
  kind: 'room' as const,
  visibility: 'public' as const,
  ownerId: 'ada',
  dmKey: null,
  createdAt: t0,
  ...more,
})

/** The commit that follows version `version` of the room; it changes nothing by itself. */
export function commitOf(
  roomId: string,
  version: number,
  changes: Partial<RoomCommit> = {},
): RoomCommit {
  const { facts = [] } = changes
  return {
    roomId,
    expectedVersion: version,
    newVersion: version + 1,
    seq: facts.at(-1)?.seq ?? 0,
    lastAt: facts.at(-1)?.at ?? t0,
    facts,
    membersAdded: [],
    membersRemoved: [],
    steps: [],
    endedCalls: [],
    keysMinted: [],
    keysShredded: [],
    receipts: [],
    ignored: [],
    effects: [],
    ...changes,
  }
}

export const message = (seq: number, text: string): LogFact => ({
  seq,
  type: 'message.posted',
  at: t0 + seq,
  by: 'ada',
  source: 'user',
  text,
})

export const receipt = (key: string, at = t0, result: unknown = null) => ({ key, at, result })

type Call = NonNullable<RoomCommit['call']>

export const activeCall = (callId: string, step = 1, more: Partial<Call> = {}): Call => ({
  callId,
  step,
  envelope: {
    machineId: 'call',
    version: 1,
    definitionHash: 'hash',
    seq: step,
    snapshot: { value: 'active', context: { callId, joins: step } },
  },
  startedAt: t0,
  startedBy: 'ada',
  endedAt: null,
  endReason: null,
  dueAt: null,
  connections: {},
  people: [],
  ...more,
})

export const endedCall = (callId: string, step = 2): Call =>
  activeCall(callId, step, { endedAt: t0 + 1_000, endReason: 'last-left' })

export const stepOf = (roomId: string, callId: string, step: number): StepRecord => ({
  callId,
  step,
  roomId,
  event: 'join.requested',
  source: 'user',
  at: t0 + step,
  state: 'active',
  detail: { event: { type: 'join.requested', userId: 'ada' }, changed: { joins: step } },
  definitionHash: 'hash',
  firstSeq: null,
  lastSeq: null,
})

export const keyOf = (callId: string, keyEpoch = 0, sealedKey = `sealed ${keyEpoch}`): KeyRow => ({
  callId,
  keyEpoch,
  sealedKey,
  createdAt: t0,
})
