/** Why a device menu has no names of a kind to choose from. */
import type { DeviceKind } from '../../livekit/device-choice.ts'
import type { DeviceLists } from '../../livekit/voice-connection.types.ts'

/**
 * Browsers tell names once the microphone is on. Where speakers have none even then, as in Firefox
 * without a second one, there is nothing to wait for.
 */
export function whyNoNames(
  kind: DeviceKind,
  lists: DeviceLists | null,
): 'call.no-names-yet' | 'call.system-speaker' {
  const isToldNames = (lists?.microphone.devices.length ?? 0) > 0
  return kind === 'speaker' && isToldNames ? 'call.system-speaker' : 'call.no-names-yet'
}
