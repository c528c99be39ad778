/**
 * Microphone, speaker and camera of one LiveKit room: lists them, switches, and keeps to the
 * choice when devices come and go.
 */
import { Room, RoomEvent } from 'livekit-client'
import type { DeviceTrouble } from '../../machines/voice-session.events.ts'
import {
  canChooseSpeaker,
  decideDevice,
  deviceKinds,
  type Device,
  type DeviceKind,
  type DeviceMemory,
} from './device-choice.ts'
import { toTrouble } from './sdk-errors.ts'
import { browserKind, switchDevice, useDefault } from './switch-device.ts'
import type { DeviceLists, VoiceConnectionEvent } from './voice-connection.types.ts'

const sourceKind = {
  audioinput: 'microphone',
  audiooutput: 'speaker',
  videoinput: 'camera',
} as const

export interface LocalDevices {
  /** Lists again, and moves to another device where one went or came back. */
  refresh(): Promise<void>
  /** Remembers the choice when it works; else the former device stays in use, and that is said. */
  use(kind: DeviceKind, deviceId: string): Promise<void>
  /** Runs what turns a device on; when the one in mind does not open, once more with another one. */
  turnOn(kind: 'microphone' | 'camera', run: () => Promise<unknown>): Promise<void>
}

export function keepLocalDevices(options: {
  room: Room
  memory: DeviceMemory
  emit: (event: VoiceConnectionEvent) => void
}): LocalDevices {
  const { room, memory, emit } = options
  const active = new Map<DeviceKind, Device>()
  const away = new Set<DeviceKind>()
  /** What did not open is left alone until it is chosen again or was unplugged: each try is a gap. */
  const failed = new Map<DeviceKind, Device>()
  let turn: Promise<void> = Promise.resolve()

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

  async function activateBest(kind: DeviceKind, devices: Device[]): Promise<void> {
    const before = active.get(kind) ?? inUse(kind, devices)
    const chosen = memory.recall(kind)
    const isGone = !devices.some(({ id }) => id === failed.get(kind)?.id)
    // The browser's own choice may have been the same one, and it does open now.
    const isOpen = room.getActiveDevice(browserKind[kind]) === failed.get(kind)?.id
    if (isGone || isOpen) failed.delete(kind)
    const shunned = failed.get(kind)?.id
    const decision = decideDevice({
      devices: devices.filter(({ id }) => id !== shunned),
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
      if (!(await moveTo(kind, decision.use, before, isExact))) return
    }
    active.set(kind, decision.use)
    const { notice } = decision
    if (notice?.is === 'gone') {
      emit({ type: 'device.gone', kind, was: notice.was.label, now: notice.now.label })
    } else if (notice?.is === 'back') {
      emit({ type: 'device.back', kind, label: notice.device.label })
    }
  }

  /** Whether the device is in use now; if not, it was said why, and what is shown as on is on. */
  async function moveTo(
    kind: DeviceKind,
    device: Device,
    former: Device | null,
    isExact: boolean,
  ): Promise<boolean> {
    const outcome = await switchDevice(room, kind, { device, isExact, former })
    if (outcome.is === 'moved') return true
    failed.set(kind, device)
    if (outcome.is === 'kept' && outcome.now) active.set(kind, outcome.now)
    else active.delete(kind)
    const trouble = toTrouble(outcome.cause)
    if (outcome.is === 'kept' || kind === 'speaker') emit({ type: 'device.failed', kind, trouble })
    else await turnOff(kind, trouble)
    return false
  }

  /** The trouble first: of a device that is off already, nobody hears why. */
  async function turnOff(kind: 'microphone' | 'camera', trouble: DeviceTrouble): Promise<void> {
    emit({ type: `${kind}.failed`, trouble })
    const me = room.localParticipant
    await (kind === 'microphone' ? me.setMicrophoneEnabled(false) : me.setCameraEnabled(false))
  }

  async function useNow(kind: DeviceKind, deviceId: string): Promise<void> {
    const devices = await list(kind)
    const device = devices.find(({ id }) => id === deviceId)
    if (!device) return
    failed.delete(kind)
    if (await moveTo(kind, device, active.get(kind) ?? inUse(kind, devices), true)) {
      memory.remember(kind, device)
      away.delete(kind)
      active.set(kind, device)
    }
    await refreshNow()
  }

  async function refreshNow(): Promise<void> {
    const lists: DeviceLists = {
      microphone: { devices: [], activeId: null },
      speaker: { devices: [], activeId: null },
      camera: { devices: [], activeId: null },
    }
    for (const kind of deviceKinds) {
      const devices = await list(kind)
      if (devices.length > 0) await activateBest(kind, devices)
      lists[kind] = { devices, activeId: inUse(kind, devices)?.id ?? null }
    }
    emit({ type: 'devices.changed', lists })
  }

  /** One after the other: two at once would each believe to be the first to miss a device. */
  function inTurn(run: () => Promise<void>): Promise<void> {
    turn = turn.then(run, run)
    return turn
  }
  const refresh = () => inTurn(refreshNow)

  room.on(RoomEvent.MediaDevicesChanged, () => void refresh())
  room.on(RoomEvent.ActiveDeviceChanged, (kind, deviceId) => {
    if (active.get(sourceKind[kind])?.id !== deviceId) void refresh()
  })

  return {
    refresh,
    use: (kind, deviceId) => inTurn(() => useNow(kind, deviceId)),
    async turnOn(kind, run) {
      try {
        await run()
      } catch (cause) {
        const wanted = active.get(kind)
        const trouble = toTrouble(cause)
        if (!wanted || (trouble !== 'busy' && trouble !== 'missing')) throw cause
        // Nothing is on yet, so this opens nothing: the second run does.
        failed.set(kind, wanted)
        active.delete(kind)
        await useDefault(room, kind)
        try {
          await run()
        } catch {
          failed.delete(kind)
          active.set(kind, wanted)
          await room.switchActiveDevice(browserKind[kind], wanted.id)
          throw cause
        }
        emit({ type: 'device.failed', kind, trouble })
      }
    },
  }
}
