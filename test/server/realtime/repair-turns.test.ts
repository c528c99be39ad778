/** Whose turn it is: two parts at a time, people in turn, and nothing for who has not taken what came before (R52). */
import { expect, test } from 'vitest'
import type { LiveSocket } from '../../../server/realtime/live-socket.ts'
import { createRepairs, type Repairer } from '../../../server/realtime/repairs.ts'

const now = () => 1_000

function openSocket(userId: string): LiveSocket & { congested: boolean } {
  const socket = { userId, behindSince: null, waitingSince: null, congested: false }
  return Object.assign(socket as unknown as LiveSocket & { congested: boolean }, {
    isCongested: () => socket.congested,
  })
}

/** Owes each socket so many parts; each is given when the test says so. */
function createDebt(parts: number) {
  const given: LiveSocket[] = []
  const left = new Map<LiveSocket, number>()
  const waiting: (() => void)[] = []
  const repairer: Repairer = {
    async repair(socket) {
      given.push(socket)
      await new Promise<void>((resolve) => waiting.push(resolve))
      const more = (left.get(socket) ?? parts) - 1
      left.set(socket, more)
      return more > 0
    },
  }
  return {
    repairer,
    given,
    underWay: () => waiting.length,
    async giveOne() {
      waiting.shift()?.()
      await new Promise((resolve) => setImmediate(resolve))
    },
  }
}

test('R52 two parts are read at a time, and Bo has his turn before the second of Eve’s many sockets', async () => {
  const repairs = createRepairs({ now })
  const debt = createDebt(2)
  const eves = Array.from({ length: 20 }, () => openSocket('eve'))
  const bo = openSocket('bo')
  for (const socket of eves) repairs.request(socket, debt.repairer)
  repairs.request(bo, debt.repairer)
  expect(debt.underWay()).toBe(2)
  expect(debt.given).toEqual(eves.slice(0, 2))
  await debt.giveOne()
  await debt.giveOne()
  // Eve's next socket stood before Bo, and no other of hers does.
  expect(debt.given.indexOf(bo)).toBeLessThanOrEqual(3)
  for (let i = 0; i < 4; i++) await debt.giveOne()
  expect(debt.given.filter((socket) => socket === bo)).toHaveLength(2)
  expect(debt.given.length).toBeLessThanOrEqual(8)
  while (debt.underWay() > 0) await debt.giveOne()
  expect(debt.given).toHaveLength(2 * 21)
})

test('R52 one socket has one part under way, however often it asks, of however many rooms', async () => {
  const repairs = createRepairs({ now })
  const [one, other] = [createDebt(1), createDebt(1)]
  const eve = openSocket('eve')
  for (let i = 0; i < 100; i++) {
    repairs.request(eve, one.repairer)
    repairs.request(eve, other.repairer)
  }
  expect([one.underWay(), other.underWay()]).toEqual([1, 0])
  await one.giveOne()
  expect([one.given.length, other.given.length]).toEqual([1, 1])
})

test('R52 who has not taken the last part waits, and goes on once it drained; who closed gets nothing', async () => {
  const repairs = createRepairs({ now })
  const debt = createDebt(2)
  const [bo, cleo] = [openSocket('bo'), openSocket('cleo')]
  repairs.request(bo, debt.repairer)
  repairs.request(cleo, debt.repairer)
  bo.congested = true
  await debt.giveOne()
  await debt.giveOne()
  expect(debt.given).toEqual([bo, cleo, cleo])
  expect(bo.waitingSince).toBe(now())
  repairs.forget(cleo)
  await debt.giveOne()
  bo.congested = false
  repairs.drained(bo)
  expect(bo.waitingSince).toBeNull()
  expect(debt.given).toEqual([bo, cleo, cleo, bo])
})
