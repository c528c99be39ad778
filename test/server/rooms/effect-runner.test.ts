import { pino } from 'pino'
import { expect, test } from 'vitest'
import type { EffectRecord, EffectStore } from '../../../persistence/store.ts'
import { createEffectRunner } from '../../../server/rooms/effect-runner.ts'
import type { EffectHandlers } from '../../../server/rooms/effects.ts'
import { createHandClock } from '../../support/hand-clock.ts'

const evictBo: EffectRecord = {
  effectId: 'evict:call:bo',
  roomId: 'kitchen',
  type: 'livekit.evict',
  payload: { callId: 'call', identity: 'bo:page', why: 'removed' },
  dueAt: 0,
  attempts: 0,
}

/** A runner over rows in memory, with what it logs. */
function runner(rows: EffectRecord[], handlers: Partial<EffectHandlers>) {
  const clock = createHandClock()
  const told: string[] = []
  const store: Pick<EffectStore, 'claimDue' | 'nextDueAt' | 'done' | 'retry'> = {
    claimDue(at, leaseMs, limit) {
      const due = rows.filter((row) => row.dueAt <= at).slice(0, limit)
      const taken = due.map((row) => ({ ...row }))
      for (const row of due) Object.assign(row, { dueAt: at + leaseMs, attempts: row.attempts + 1 })
      return Promise.resolve(taken)
    },
    nextDueAt: () =>
      Promise.resolve(rows.length === 0 ? null : Math.min(...rows.map((row) => row.dueAt))),
    done(effectIds) {
      rows.splice(0, rows.length, ...rows.filter((row) => !effectIds.includes(row.effectId)))
      return Promise.resolve()
    },
    retry(effectId, dueAt) {
      const row = rows.find((one) => one.effectId === effectId)
      if (row) row.dueAt = dueAt
      return Promise.resolve()
    },
  }
  const log = pino(
    { level: 'warn' },
    {
      write(line: string) {
        told.push((JSON.parse(line) as { err: { message: string } }).err.message)
      },
    },
  )
  const effects = createEffectRunner({ store, handlers, clock, log })
  effects.start()
  return { clock, effects, rows, told }
}

test('R18 what was asked for is done once, with the payload that its row keeps', async () => {
  const evicted: string[] = []
  const { clock, rows } = runner([{ ...evictBo }], {
    async 'livekit.evict'({ roomId, payload: { callId, identity } }) {
      evicted.push(`${roomId} ${callId} ${identity}`)
    },
  })
  await clock.move(60_000)
  expect(evicted).toEqual(['kitchen call bo:page'])
  expect(rows).toEqual([])
})

test('R18 what fails is tried again with growing waits until it is done', async () => {
  const tries: number[] = []
  const { clock, rows } = runner([{ ...evictBo }], {
    async 'livekit.evict'() {
      tries.push(clock.now())
      if (tries.length < 4) throw new Error('LiveKit is away')
    },
  })
  await clock.move(60_000)
  expect(tries).toHaveLength(4)
  const waits = tries.slice(1).map((at, i) => at - (tries[i] ?? 0))
  expect(waits.map((ms) => Math.round(ms / 1000))).toEqual([1, 2, 4])
  expect(rows).toEqual([])
})

test('a row without its payload, and one of a later version, are told and kept, and hold nobody up', async () => {
  const evicted: string[] = []
  const { clock, rows, told } = runner(
    [
      { ...evictBo, effectId: 'bad', payload: { callId: 'call' } },
      { ...evictBo, effectId: 'later', type: 'livekit.mute' },
      { ...evictBo },
    ],
    {
      async 'livekit.evict'({ payload }) {
        evicted.push(payload.identity)
      },
    },
  )
  await clock.move(100)
  expect(evicted).toEqual(['bo:page'])
  expect(rows.map((row) => row.effectId)).toEqual(['bad', 'later'])
  expect(told.toSorted()).toEqual([
    expect.stringContaining('identity'),
    'no handler for effects of type livekit.mute',
  ])
})
