/** Puts what LiveKit tells of people and screens into the stores, and hands on what is for the machine. */
import { deviceOf } from '../../machines/voice-session.machine.ts'
import type { Join } from '../../server/protocol/wire.ts'
import type { AudioLevels } from '../livekit/audio-levels.ts'
import type { DeviceMemory } from '../livekit/device-choice.ts'
import { mayBePlayed } from '../livekit/encryption-status.ts'
import { safetyCodeOf } from '../livekit/safety-code.ts'
import type {
  DeviceLists,
  VoiceConnection,
  VoiceConnectionEvent,
} from '../livekit/voice-connection.types.ts'
import { callPanelStore } from '../stores/call-panel.store.ts'
import { callStore, clearPersonMedia, setPersonMedia } from '../stores/call.store.ts'
import type { LivekitPart } from './load-livekit.ts'
import type { MediaEvent } from '../livekit/media-connection.types.ts'
import type { Announced, VoiceSessionActor } from './voice-session.types.ts'

/** LiveKit has let go: nobody's media is here any more. */
export function clearMedia(): void {
  callStore.trigger.mediaLost()
  clearPersonMedia()
}

/** What a person should hear of, beside what the machine's state shows. */
export type CallNews =
  | Extract<VoiceConnectionEvent, { type: 'device.gone' | 'device.back' | 'device.failed' }>
  | Announced

export interface ShownParts {
  actor(): VoiceSessionActor
  onNews(news: CallNews): void
  levels: AudioLevels
  memory: DeviceMemory
  now(): number
}

/** Opens connections to LiveKit whose media is shown; what is for the machine is told to it. */
export function openShown(
  { openVoiceConnection }: LivekitPart,
  { actor, onNews, ...parts }: ShownParts,
): (join: Join, emit: (event: MediaEvent) => void) => VoiceConnection {
  /** A microphone that was missing is used as soon as it is plugged in. */
  function plugIn(lists: DeviceLists): void {
    const microphone = deviceOf(actor().getSnapshot(), 'microphone')
    const isMissing = microphone.matches('refused') && microphone.context.trouble === 'missing'
    if (isMissing && lists.microphone.devices.length > 0) {
      actor().send({ type: 'microphone.wanted', enabled: true })
    }
  }

  return ({ callId, livekitUrl }, emit) => {
    const connection = openVoiceConnection({
      ...parts,
      livekitUrl,
      emit(event) {
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
            return plugIn(event.lists)
          case 'device.gone':
          case 'device.back':
          case 'device.failed':
            return onNews(event)
          default:
            return emit(event)
        }
      },
    })
    const showCode = (e2eeKey: string) =>
      void safetyCodeOf(e2eeKey, callId).then((code) =>
        callStore.trigger.safetyCodeChanged({ code }),
      )
    return {
      ...connection,
      async connect(join) {
        try {
          await connection.connect(join)
          showCode(join.e2eeKey)
        } catch (cause) {
          if (cause instanceof Error && cause.message === 'page-outdated') {
            callPanelStore.trigger.partMissing()
          }
          throw cause
        }
      },
      async rotateKey(e2eeKey, keyEpoch) {
        showCode(e2eeKey)
        await connection.rotateKey(e2eeKey, keyEpoch)
      },
    }
  }
}
