// @vitest-environment happy-dom
import type { Room } from 'livekit-client'
import { beforeEach, expect, test, vi } from 'vitest'
import type { Device, DeviceKind } from '../../../web/livekit/device-choice.ts'
import { keepLocalDevices } from '../../../web/livekit/local-devices.ts'
import type { VoiceConnectionEvent } from '../../../web/livekit/voice-connection.types.ts'

const builtIn: Device = { id: 'b', label: 'Built-in microphone' }
const desk: Device = { id: 'd', label: 'Desk microphone' }
const webcam: Device = { id: 'w', label: 'Webcam' }
const capture: Device = { id: 'c', label: 'Capture card' }

/** Devices that another program has, or `default`. */
const busy = new Set<string>()
let plugged: { kind: MediaDeviceKind; device: Device }[]

beforeEach(() => {
  busy.clear()
  plugged = [
    { kind: 'audioinput', device: builtIn },
    { kind: 'audioinput', device: desk },
    { kind: 'videoinput', device: webcam },
    { kind: 'videoinput', device: capture },
  ]
  vi.stubGlobal('navigator', {
    ...navigator,
    userAgent: '',
    mediaDevices: {
      enumerateDevices: () =>
        Promise.resolve(
          plugged.map(({ kind, device: { id, label } }) => ({ kind, label, deviceId: id })),
        ),
    },
  })
})

/**
 * A LiveKit room that goes about its tracks like the SDK: a published one is stopped before the next
 * device is asked for, and a muted one only notes which to ask for.
 */
function adaInCall(chosen: Partial<Record<DeviceKind, Device>> = {}) {
  const remembered = new Map(Object.entries(chosen) as [DeviceKind, Device][])
  const events: VoiceConnectionEvent[] = []
  const first = { audioinput: 'b', videoinput: 'w' }
  const active = new Map<string, string>(Object.entries(first))
  /** What is sent: a device's id, `dead` for a track that has ended, null when it is off. */
  const sent = new Map<string, string | null>(Object.entries(first))
  /** What the SDK asks the browser for; a failure leaves it as it is. */
  const wish = new Map<string, string>()
  const tries: string[] = []

  function open(kind: 'audioinput' | 'videoinput', id: string): void {
    tries.push(id)
    if (busy.has(id)) throw new DOMException('in use', 'NotReadableError')
    const opened = id === 'default' ? first[kind] : id
    sent.set(kind, opened)
    active.set(kind, opened)
  }
  function turn(kind: 'audioinput' | 'videoinput', enabled: boolean): Promise<void> {
    return Promise.resolve().then(() => {
      if (enabled) open(kind, wish.get(kind) ?? 'default')
      else sent.set(kind, null)
    })
  }
  const room = {
    on: () => room,
    getActiveDevice: (kind: string) => active.get(kind),
    async switchActiveDevice(kind: 'audioinput' | 'videoinput', id: string) {
      await Promise.resolve()
      wish.set(kind, id)
      if (sent.get(kind) === null) active.set(kind, id)
      else {
        sent.set(kind, 'dead')
        open(kind, id)
      }
      return true
    },
    localParticipant: {
      setMicrophoneEnabled: (enabled: boolean) => turn('audioinput', enabled),
      setCameraEnabled: (enabled: boolean) => turn('videoinput', enabled),
    },
  }
  const devices = keepLocalDevices({
    room: room as unknown as Room,
    memory: {
      recall: (kind) => remembered.get(kind) ?? null,
      remember: (kind, device) => void remembered.set(kind, device),
    },
    emit: (event) => void events.push(event),
  })
  return {
    devices,
    room,
    remembered,
    sent,
    tries,
    told: () => events.filter(({ type }) => type !== 'devices.changed'),
    shownActive(kind: DeviceKind) {
      const lists = events.flatMap((event) =>
        event.type === 'devices.changed' ? [event.lists] : [],
      )
      return lists.at(-1)?.[kind].activeId
    },
  }
}

test('F11 Ada picks a microphone that another program has: she stays with hers, and is told why', async () => {
  const ada = adaInCall({ microphone: builtIn })
  await ada.devices.refresh()
  busy.add(desk.id)
  await ada.devices.use('microphone', desk.id)
  expect(ada.sent.get('audioinput')).toBe(builtIn.id)
  expect(ada.told()).toEqual([{ type: 'device.failed', kind: 'microphone', trouble: 'busy' }])
  expect(ada.remembered.get('microphone')).toEqual(builtIn)
  expect(ada.shownActive('microphone')).toBe(builtIn.id)
})

test('F11 a camera alike; when it is free again, she can pick it', async () => {
  const ada = adaInCall()
  busy.add(capture.id)
  await ada.devices.use('camera', capture.id)
  expect(ada.sent.get('videoinput')).toBe(webcam.id)
  expect(ada.remembered.has('camera')).toBe(false)
  busy.clear()
  await ada.devices.use('camera', capture.id)
  expect(ada.sent.get('videoinput')).toBe(capture.id)
  expect(ada.remembered.get('camera')).toEqual(capture)
  expect(ada.shownActive('camera')).toBe(capture.id)
})

test('F11 her remembered microphone is busy when she joins: another one is heard, and the busy one is left alone', async () => {
  const ada = adaInCall({ microphone: desk })
  busy.add(desk.id)
  await ada.devices.refresh()
  await ada.devices.refresh()
  expect(ada.sent.get('audioinput')).toBe(builtIn.id)
  expect(ada.told()).toEqual([{ type: 'device.failed', kind: 'microphone', trouble: 'busy' }])
  expect(ada.tries.filter((id) => id === desk.id)).toEqual([desk.id])
  // It is still hers, for a later call.
  expect(ada.remembered.get('microphone')).toEqual(desk)
})

test('F11 it was unplugged and comes back: it is taken up again', async () => {
  const ada = adaInCall({ microphone: desk })
  busy.add(desk.id)
  await ada.devices.refresh()
  const all = plugged
  plugged = all.filter(({ device }) => device !== desk)
  await ada.devices.refresh()
  plugged = all
  busy.clear()
  await ada.devices.refresh()
  expect(ada.sent.get('audioinput')).toBe(desk.id)
  expect(ada.told().at(-1)).toMatchObject({ type: 'device.back', kind: 'microphone' })
})

test('F10 no microphone opens any more: it is turned off, and shown as what it is', async () => {
  const ada = adaInCall()
  for (const id of [builtIn.id, desk.id, 'default']) busy.add(id)
  await ada.devices.use('microphone', desk.id)
  expect(ada.sent.get('audioinput')).toBeNull()
  expect(ada.told()).toEqual([{ type: 'microphone.failed', trouble: 'busy' }])
})

test('F11 her only microphone opens at the second try: another one that is plugged in then changes nothing', async () => {
  const all = plugged
  plugged = all.filter(({ device }) => device !== desk)
  const ada = adaInCall()
  for (const id of [builtIn.id, 'default']) busy.add(id)
  await ada.devices.use('microphone', builtIn.id)
  busy.clear()
  await ada.devices.turnOn('microphone', () => {
    return ada.room.localParticipant.setMicrophoneEnabled(true)
  })
  await ada.devices.refresh()
  plugged = all
  await ada.devices.refresh()
  expect(ada.sent.get('audioinput')).toBe(builtIn.id)
  expect(ada.told()).toEqual([{ type: 'microphone.failed', trouble: 'busy' }])
})

test('F21 muted, she picked a busy microphone: unmuting takes another one, and says so', async () => {
  const ada = adaInCall()
  const unmute = () => ada.room.localParticipant.setMicrophoneEnabled(true)
  await ada.room.localParticipant.setMicrophoneEnabled(false)
  busy.add(desk.id)
  await ada.devices.use('microphone', desk.id)
  await ada.devices.turnOn('microphone', unmute)
  await ada.devices.refresh()
  expect(ada.sent.get('audioinput')).toBe(builtIn.id)
  expect(ada.told()).toEqual([{ type: 'device.failed', kind: 'microphone', trouble: 'busy' }])
})

test('F21 none opens when she unmutes: the reason is that of the one she picked, which is tried again', async () => {
  const ada = adaInCall()
  const unmute = () => ada.room.localParticipant.setMicrophoneEnabled(true)
  await ada.room.localParticipant.setMicrophoneEnabled(false)
  for (const id of [builtIn.id, desk.id, 'default']) busy.add(id)
  await ada.devices.use('microphone', desk.id)
  await expect(ada.devices.turnOn('microphone', unmute)).rejects.toThrow('in use')
  expect(ada.sent.get('audioinput')).toBeNull()
  busy.clear()
  await ada.devices.turnOn('microphone', unmute)
  expect(ada.sent.get('audioinput')).toBe(desk.id)
})
