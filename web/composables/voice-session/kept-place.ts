/** What a reload needs to come back into the same call (F19); it lasts as long as the tab. */
import type { KeptPlace } from './voice-session.types.ts'

const key = 'chatto.place'

export function keepPlace(storage: Storage, place: KeptPlace | null): void {
  try {
    if (place) storage.setItem(key, JSON.stringify(place))
    else storage.removeItem(key)
  } catch {
    // Then a reload does not come back by itself.
  }
}

export function readKeptPlace(storage: Storage): KeptPlace | null {
  try {
    const kept: unknown = JSON.parse(storage.getItem(key) ?? 'null')
    if (typeof kept !== 'object' || kept === null) return null
    if (!('roomId' in kept) || !('callId' in kept) || !('wishes' in kept)) return null
    const { roomId, callId, wishes } = kept
    if (typeof roomId !== 'string' || typeof callId !== 'string') return null
    if (typeof wishes !== 'object' || wishes === null) return null
    return {
      roomId,
      callId,
      wishes: {
        microphone: 'microphone' in wishes && wishes.microphone === true,
        camera: 'camera' in wishes && wishes.camera === true,
      },
    }
  } catch {
    return null
  }
}
