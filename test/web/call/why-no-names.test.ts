import { expect, test } from 'vitest'
import { whyNoNames } from '../../../web/components/call/why-no-names.ts'

const none = { devices: [], activeId: null }
const one = { devices: [{ id: 'a', label: 'Headset' }], activeId: 'a' }

test('Fay’s Firefox names her microphone and no speaker: the system chooses it, and she is not told to wait', () => {
  expect(whyNoNames('speaker', { microphone: one, speaker: none, camera: none })).toBe(
    'call.system-speaker',
  )
})

test('before the microphone is on, names are still to come', () => {
  for (const kind of ['microphone', 'speaker', 'camera'] as const) {
    expect(whyNoNames(kind, { microphone: none, speaker: none, camera: none })).toBe(
      'call.no-names-yet',
    )
  }
  expect(whyNoNames('camera', { microphone: one, speaker: none, camera: none })).toBe(
    'call.no-names-yet',
  )
})
