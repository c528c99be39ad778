/** Puts what LiveKit tells of people and screens into the stores. */
import { mayBePlayed } from '../../livekit/encryption-status.ts'
import type { VoiceConnectionEvent } from '../../livekit/voice-connection.types.ts'
import { callStore, clearPersonMedia, setPersonMedia } from '../../stores/call.store.ts'

export function showMedia(event: VoiceConnectionEvent): void {
  switch (event.type) {
    case 'person.changed': {
      const { userId, encryption, camera } = event.person
      setPersonMedia(userId, event.person)
      callStore.trigger.personCame({
        userId,
        isTrusted: mayBePlayed(encryption),
        isFilming: camera !== null,
      })
      return
    }
    case 'person.left':
      setPersonMedia(event.userId, null)
      callStore.trigger.personWent({ userId: event.userId })
      return
    case 'screens.changed':
      callStore.trigger.screensChanged({ screens: event.screens })
      return
    case 'sound.changed':
      callStore.trigger.soundChanged({ blocked: event.blocked })
      return
    case 'capture.changed':
      callStore.trigger.capturesChanged({ captures: event.captures })
      return
    case 'devices.changed':
      callStore.trigger.devicesChanged({ lists: event.lists })
      return
    default:
      return
  }
}

/** LiveKit has let go: nobody's media is here any more. */
export function clearMedia(): void {
  callStore.trigger.mediaLost()
  clearPersonMedia()
}
