/** The SDK's reasons and errors, in our words. */
import { DisconnectReason, MediaDeviceFailure } from 'livekit-client'
import type { DeviceTrouble } from '../../machines/voice-session.events.ts'
import { isDisconnectName, type DisconnectName } from '../../machines/voice-session.reasons.ts'

/** LiveKit gives no reason when it merely lost us; a reason of a newer LiveKit counts alike. */
export function toDisconnectName(reason: DisconnectReason | undefined): DisconnectName {
  const name = reason === undefined ? '' : DisconnectReason[reason]
  return isDisconnectName(name) ? name : 'UNKNOWN_REASON'
}

export function toTrouble(cause: unknown): DeviceTrouble {
  if (cause instanceof Error && cause.name === 'OverconstrainedError') return 'missing'
  switch (MediaDeviceFailure.getFailure(cause)) {
    case MediaDeviceFailure.PermissionDenied:
      return 'denied'
    case MediaDeviceFailure.NotFound:
      return 'missing'
    case MediaDeviceFailure.DeviceInUse:
      return 'busy'
    default:
      return 'failed'
  }
}

/**
 * The browser's question which screen to share was answered with “cancel”: no trouble at all. Browsers
 * tell it apart from a system that refuses by these words alone.
 */
export function isCancelled(cause: unknown): boolean {
  return (
    cause instanceof Error && cause.name === 'NotAllowedError' && !/by system/i.test(cause.message)
  )
}
