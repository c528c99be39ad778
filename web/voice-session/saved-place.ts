/** What a reload needs to come back into the same call; it lasts as long as the tab. */
import type { SavedPlace } from './voice-session.types.ts'

const key = 'chatto.place'

export function savePlace(storage: Storage, place: SavedPlace | null): void {
  try {
    if (place) storage.setItem(key, JSON.stringify(place))
    else storage.removeItem(key)
  } catch {
    // Then a reload does not come back by itself.
  }
}

export function readSavedPlace(storage: Storage): SavedPlace | null {
  try {
    const saved: unknown = JSON.parse(storage.getItem(key) ?? 'null')
    if (typeof saved !== 'object' || saved === null) return null
    if (!('roomId' in saved) || !('callId' in saved) || !('wishes' in saved)) return null
    const { roomId, callId, wishes } = saved
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
