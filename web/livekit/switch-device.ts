/**
 * Moves a LiveKit room to another device, or keeps it at the former one. The SDK stops the old track
 * before it asks for the new one: a device that does not open would leave a dead track published.
 */
import type { Room } from 'livekit-client'
import type { Device, DeviceKind } from './device-choice.ts'

export const browserKind = {
  microphone: 'audioinput',
  speaker: 'audiooutput',
  camera: 'videoinput',
} as const satisfies Record<DeviceKind, MediaDeviceKind>

export type SwitchOutcome =
  | { is: 'moved' }
  /** The former device is in use, or else, with `now` null, whichever the browser likes. */
  | { is: 'kept'; now: Device | null; cause: unknown }
  /** None opens: what is published is dead. */
  | { is: 'lost'; cause: unknown }

export async function switchDevice(
  room: Pick<Room, 'switchActiveDevice'>,
  kind: DeviceKind,
  wanted: { device: Device; isExact: boolean; former: Device | null },
): Promise<SwitchOutcome> {
  const { device, isExact, former } = wanted
  try {
    await room.switchActiveDevice(browserKind[kind], device.id, isExact)
    return { is: 'moved' }
  } catch (cause) {
    if (former && former.id !== device.id && (await opens(room, kind, former))) {
      return { is: 'kept', now: former, cause }
    }
    const isOpen = await useDefault(room, kind).then(
      () => true,
      () => false,
    )
    return isOpen ? { is: 'kept', now: null, cause } : { is: 'lost', cause }
  }
}

/** Whichever the browser likes: as a mere wish, for not all of them know a device of that name. */
export async function useDefault(
  room: Pick<Room, 'switchActiveDevice'>,
  kind: DeviceKind,
): Promise<void> {
  await room.switchActiveDevice(browserKind[kind], kind === 'speaker' ? '' : 'default', false)
}

function opens(
  room: Pick<Room, 'switchActiveDevice'>,
  kind: DeviceKind,
  device: Device,
): Promise<boolean> {
  return room.switchActiveDevice(browserKind[kind], device.id, true).then(
    () => true,
    () => false,
  )
}
