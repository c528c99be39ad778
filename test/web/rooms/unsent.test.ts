// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { markRead, keepReadMarks, readUpTo } from '../../../web/stores/read-marks.ts'
import { sendMessage, timelinesStore } from '../../../web/stores/timelines.store.ts'
import { forgetUnsent, keepUnsent } from '../../../web/stores/unsent.ts'

const outgoing = () =>
  timelinesStore.getSnapshot().context.rooms['garden']?.outgoing.map(({ text }) => text) ?? []
const message = { requestId: 'r1', text: 'From the tunnel', at: 1, failed: false }

beforeEach(() => {
  vi.useFakeTimers()
  localStorage.clear()
  timelinesStore.trigger.forgotten()
  vi.stubGlobal('fetch', () => Promise.reject(new Error('offline')))
})
afterEach(async () => {
  keepUnsent(null)
  keepReadMarks(null)
  timelinesStore.trigger.forgotten()
  // What waited to be sent again finds nothing any more.
  await vi.runOnlyPendingTimersAsync()
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

/** The page is loaded again. */
function reload(userId: string): void {
  keepUnsent(null)
  timelinesStore.trigger.forgotten()
  keepUnsent(userId)
}

test('F44 what Gus could not send is there again after a reload, and only for him', async () => {
  keepUnsent('gus')
  await sendMessage('garden', message)
  expect(outgoing()).toEqual(['From the tunnel'])
  reload('ada')
  expect(outgoing()).toEqual([])
  reload('gus')
  expect(outgoing()).toEqual(['From the tunnel'])
})

test('what was sent is kept no longer', async () => {
  keepUnsent('gus')
  await sendMessage('garden', message)
  const posted = { ...message, type: 'message.posted', seq: 1, by: 'gus', source: 'user' }
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json(posted, { status: 201 })))
  await sendMessage('garden', message)
  expect(Object.keys(localStorage)).toEqual([])
  reload('gus')
  expect(outgoing()).toEqual([])
})

test('F44 what the server cannot take now waits and goes out by itself, what it refuses does not', async () => {
  const shown = () => timelinesStore.getSnapshot().context.rooms['garden']?.outgoing
  const refusal = (status: number) =>
    Promise.resolve(
      Response.json({ error: { code: 'unavailable', message: '', details: {} } }, { status }),
    )
  vi.stubGlobal('fetch', () => refusal(503))
  await sendMessage('garden', message)
  expect(shown()).toMatchObject([{ failed: true, isWaiting: true }])
  const posted = { ...message, type: 'message.posted', seq: 1, by: 'gus', source: 'user' }
  vi.stubGlobal('fetch', () => Promise.resolve(Response.json(posted, { status: 201 })))
  // Nobody presses anything, and the connection was never lost.
  await vi.runAllTimersAsync()
  expect(shown()).toEqual([])
  vi.stubGlobal('fetch', () => refusal(403))
  await sendMessage('garden', { ...message, requestId: 'r2' })
  expect(shown()).toMatchObject([{ failed: true, isWaiting: false }])
  expect(vi.getTimerCount()).toBe(0)
})

test('several unsent messages come back in their order', async () => {
  keepUnsent('gus')
  for (const at of [1, 2, 3]) {
    await sendMessage('garden', { ...message, requestId: `r${at}`, text: `${at}`, at })
  }
  reload('gus')
  reload('gus')
  expect(outgoing()).toEqual(['1', '2', '3'])
})

test('signing out leaves nothing of it behind', async () => {
  keepUnsent('gus')
  await sendMessage('garden', message)
  keepUnsent(null)
  forgetUnsent('gus')
  expect(Object.keys(localStorage)).toEqual([])
})

test('F6 how far a room was read never goes back, and knows what another tab has read', () => {
  keepReadMarks('fay')
  markRead('garden', 5)
  markRead('garden', 3)
  expect(readUpTo('garden')).toBe(5)
  localStorage.setItem('chatto.read.fay', JSON.stringify({ garden: 5, tower: 9 }))
  markRead('garden', 6)
  expect(JSON.parse(localStorage.getItem('chatto.read.fay') ?? '{}')).toEqual({
    garden: 6,
    tower: 9,
  })
})

test('what is broken in the storage is left aside', () => {
  localStorage.setItem('chatto.read.fay', '{"garden":')
  localStorage.setItem('chatto.unsent.fay.r1', '{"roomId":1}')
  keepReadMarks('fay')
  keepUnsent('fay')
  expect(readUpTo('garden')).toBeUndefined()
  expect(outgoing()).toEqual([])
})
