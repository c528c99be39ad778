/**
 * Microphone, speaker and camera of one LiveKit room: lists them, switches, and keeps to the
 * choice when devices come and go.
 */
import { Room, RoomEvent } from 'livekit-client'
import { canChooseSpeaker } from './can-choose-speaker.ts'
import {
  decideDevice,
  deviceKinds,
  type Device,
  type DeviceKind,
  type DeviceMemory,
} from './device-choice.ts'
import type { DeviceLists, VoiceConnectionEvent } from './voice-connection.types.ts'

const browserKind = {
  microphone: 'audioinput',
  speaker: 'audiooutput',
  camera: 'videoinput',
} as const satisfies Record<DeviceKind, MediaDeviceKind>

const sourceKind = {
  audioinput: 'microphone',
  audiooutput: 'speaker',
  videoinput: 'camera',
} as const

export interface LocalDevices {
  /** Lists again, and moves to another device where one went or came back. */
  refresh(): Promise<void>
  use(kind: DeviceKind, deviceId: string): Promise<void>
}

export function keepLocalDevices(options: {
  room: Room
  memory: DeviceMemory
  emit: (event: VoiceConnectionEvent) => void
}): LocalDevices {
  const { room, memory, emit } = options
  const active = new Map<DeviceKind, Device>()
  const away = new Set<DeviceKind>()
  let refreshing: Promise<void> = Promise.resolve()

  async function list(kind: DeviceKind): Promise<Device[]> {
    if (kind === 'speaker' && !canChooseSpeaker()) return []
    // Never asks for permission: that happens when the microphone or camera is turned on.
    const infos = await Room.getLocalDevices(browserKind[kind], false)
    return infos
      .filter((info) => info.deviceId !== '' && info.label !== '')
      .map((info) => ({ id: info.deviceId, label: info.label }))
  }

  function inUse(kind: DeviceKind, devices: readonly Device[]): Device | null {
    const id = room.getActiveDevice(browserKind[kind])
    return devices.find((device) => device.id === id) ?? active.get(kind) ?? null
  }

  async function settle(kind: DeviceKind, devices: Device[]): Promise<void> {
    const before = active.get(kind) ?? inUse(kind, devices)
    const chosen = memory.recall(kind)
    const decision = decideDevice({
      devices,
      chosen,
      active: before,
      away: away.has(kind),
    })
    if (decision.away) away.add(kind)
    else away.delete(kind)
    if (decision.use === null) return
    if (decision.use.id !== room.getActiveDevice(browserKind[kind])) {
      // Browsers take a mere wish as none; but only what was chosen is worth failing for.
      const isExact = chosen !== null && !decision.away
      await room.switchActiveDevice(browserKind[kind], decision.use.id, isExact).catch(() => false)
    }
    active.set(kind, decision.use)
    const { notice } = decision
    if (notice?.is === 'gone') {
      emit({ type: 'device.gone', kind, was: notice.was.label, now: notice.now.label })
    } else if (notice?.is === 'back') {
      emit({ type: 'device.back', kind, label: notice.device.label })
    }
  }

  async function refreshNow(): Promise<void> {
    const lists: DeviceLists = {
      microphone: { devices: [], activeId: null },
      speaker: { devices: [], activeId: null },
      camera: { devices: [], activeId: null },
    }
    for (const kind of deviceKinds) {
      const devices = await list(kind)
      if (devices.length > 0) await settle(kind, devices)
      lists[kind] = { devices, activeId: inUse(kind, devices)?.id ?? null }
    }
    emit({ type: 'devices.changed', lists })
  }

  /** One after the other: two at once would each believe to be the first to miss a device. */
  function refresh(): Promise<void> {
    refreshing = refreshing.then(refreshNow, refreshNow)
    return refreshing
  }

  room.on(RoomEvent.MediaDevicesChanged, () => void refresh())
  room.on(RoomEvent.ActiveDeviceChanged, (kind, deviceId) => {
    if (active.get(sourceKind[kind])?.id !== deviceId) void refresh()
  })

  return {
    refresh,
    async use(kind, deviceId) {
      const device = (await list(kind)).find(({ id }) => id === deviceId)
      if (!device) return
      memory.remember(kind, device)
      away.delete(kind)
      active.set(kind, device)
      await room.switchActiveDevice(browserKind[kind], deviceId)
      await refresh()
    },
  }
}
