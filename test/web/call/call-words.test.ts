// @vitest-environment happy-dom
import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import CallOver from '../../../web/components/call/CallOver.vue'
import CallStrip from '../../../web/components/call/CallStrip.vue'
import { liveStore } from '../../../web/stores/live.store.ts'

const reconnecting = ref(false)
vi.mock('../../../web/composables/use-call.ts', () => ({
  useCall: () => ({ reconnecting, join: vi.fn(), dismiss: vi.fn(), startSound: vi.fn() }),
}))

beforeEach(() => void vi.useFakeTimers())
afterEach(() => {
  liveStore.trigger.closed()
  vi.useRealTimers()
})

test('a call whose media goes on says that the server is away; lost media is said before it', async () => {
  liveStore.trigger.moved({ state: 'live' })
  const strip = mount(CallStrip, { props: { roomId: 'garden' } })
  expect(strip.text()).toBe('')
  liveStore.trigger.moved({ state: 'lost' })
  await nextTick()
  vi.advanceTimersByTime(2000)
  await nextTick()
  expect(strip.text()).toBe('The server is restarting. Your call goes on, the list catches up.')
  reconnecting.value = true
  await nextTick()
  expect(strip.text()).toContain('Connection lost.')
  reconnecting.value = false
  liveStore.trigger.moved({ state: 'live' })
  await nextTick()
  expect(strip.text()).toBe('')
})

test('a page that is older than its server offers to load again, and no other try', () => {
  const over = mount(CallOver, { props: { roomId: 'garden', reason: 'part-missing' } })
  expect(over.text()).not.toContain('media server')
  expect(over.findAll('button').map((button) => button.text())).toEqual(['Close', 'Load again'])
})

test('a page opened by plain http says how to open it, and offers no try that cannot work', () => {
  const over = mount(CallOver, { props: { roomId: 'garden', reason: 'not-secure' } })
  expect(over.text()).toContain('https address')
  expect(over.text()).not.toContain('Update the browser')
  expect(over.findAll('button').map((button) => button.text())).toEqual(['Close'])
})
