// @vitest-environment happy-dom
import { mount } from '@vue/test-utils'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { nextTick, ref } from 'vue'
import CallOver from '../../../web/components/call/CallOver.vue'
import CallStrip from '../../../web/components/call/CallStrip.vue'
import { callStore } from '../../../web/stores/call.store.ts'
import { liveStore } from '../../../web/stores/live.store.ts'

const reconnecting = ref(false)
const microphone = ref('on')
const screen = ref('off')
const want = vi.fn()
vi.mock('../../../web/composables/use-call.ts', () => ({
  useCall: () => ({
    reconnecting,
    microphone,
    screen,
    want,
    join: vi.fn(),
    dismiss: vi.fn(),
    startSound: vi.fn(),
  }),
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

test('F10 Ada’s microphone gives nothing, or her system mutes it: that is said as long as it lasts, but not while she is muted', async () => {
  const strip = mount(CallStrip, { props: { roomId: 'garden' } })
  callStore.trigger.capturesChanged({ captures: { microphone: 'silent', camera: 'fine' } })
  await nextTick()
  expect(strip.text()).toContain('Nothing comes from your microphone.')
  callStore.trigger.capturesChanged({ captures: { microphone: 'system-muted', camera: 'fine' } })
  await nextTick()
  expect(strip.text()).toContain('Your system has muted your microphone. Nobody hears you')
  microphone.value = 'off'
  await nextTick()
  expect(strip.text()).toBe('')
  microphone.value = 'on'
  callStore.trigger.capturesChanged({ captures: { microphone: 'fine', camera: 'fine' } })
  await nextTick()
  expect(strip.text()).toBe('')
})

test('F15 who shares a screen reads so, beside the way to stop', async () => {
  const strip = mount(CallStrip, { props: { roomId: 'garden' } })
  screen.value = 'on'
  await nextTick()
  expect(strip.text()).toContain('You are sharing your screen.')
  await strip.get('button').trigger('click')
  expect(want).toHaveBeenCalledWith('screen', false)
  screen.value = 'off'
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
