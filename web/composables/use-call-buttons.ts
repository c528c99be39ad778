/** What the buttons of the call say and do, in the control bar and in the call bar alike. */
import { computed } from 'vue'
import { canChooseSpeaker, type DeviceKind } from '../livekit/device-choice.ts'
import { callPanelStore } from '../stores/call-panel.store.ts'
import { useCallMedia, usePersonMedia } from '../stores/call.store.ts'
import { useMe } from '../stores/session.store.ts'
import { t } from '../words/words.ts'
import { useCall, type DeviceShown } from './use-call.ts'

export interface CallButtonShown {
  label: string
  /** What is published. */
  isOn: boolean
  isPending: boolean
  isFlagged: boolean
  press(): void
}

export function useCallButtons() {
  const call = useCall()
  const me = useMe()
  // Asked for once: who is signed in stays the same while there is a call.
  const media = usePersonMedia(me.value?.id ?? '')

  const captures = useCallMedia((media) => media.captures)

  /** While it switches, the present state is LiveKit's. */
  const isOn = (shown: DeviceShown, isPublished: boolean) =>
    shown === 'pending' ? isPublished : shown === 'on'

  const microphone = computed<CallButtonShown>(() => {
    const shown = call.microphone.value
    // The others see it muted; one can still close it here, so that it stays so.
    const isHeld = shown === 'on' && captures.value.microphone === 'system-muted'
    const on = isOn(shown, media.value?.microphone ?? false)
    return {
      label: isHeld
        ? t('call.mute-held')
        : shown === 'pending'
          ? t('call.microphone-pending')
          : shown === 'refused'
            ? t('call.microphone-refused')
            : on
              ? t('call.mute')
              : t('call.unmute'),
      isOn: on && !isHeld,
      isPending: shown === 'pending',
      isFlagged: shown === 'refused' || (shown === 'on' && captures.value.microphone !== 'fine'),
      press: () => press('microphone', shown, on, call.microphoneTrouble.value === 'denied'),
    }
  })
  const camera = computed<CallButtonShown>(() => {
    const shown = call.camera.value
    const on = isOn(shown, media.value !== null && media.value.camera !== null)
    return {
      label:
        shown === 'pending'
          ? t('call.camera-pending')
          : shown === 'refused'
            ? t('call.camera-refused')
            : on
              ? t('call.camera-off')
              : t('call.camera-on'),
      isOn: on,
      isPending: shown === 'pending',
      isFlagged: shown === 'refused' || (shown === 'on' && captures.value.camera !== 'fine'),
      press: () => press('camera', shown, on, call.cameraTrouble.value === 'denied'),
    }
  })
  const screen = computed<CallButtonShown>(() => {
    const shown = call.screen.value
    return {
      label:
        shown === 'pending'
          ? t('call.share-pending')
          : shown === 'on'
            ? t('call.share-stop')
            : t('call.share'),
      isOn: shown === 'on',
      isPending: shown === 'pending',
      isFlagged: false,
      press: () => {
        // Not while it switches: the browser's own question is open.
        if (shown !== 'pending') call.want('screen', shown !== 'on')
      },
    }
  })

  function press(
    device: 'microphone' | 'camera',
    shown: DeviceShown,
    on: boolean,
    isDenied: boolean,
  ): void {
    // A browser that said no says it again at once: only the person can mend that.
    if (shown === 'refused' && isDenied) callPanelStore.trigger.helpAsked({ device })
    else call.want(device, !on)
  }

  const soundKinds: readonly DeviceKind[] = canChooseSpeaker()
    ? ['microphone', 'speaker']
    : ['microphone']

  return {
    /** What there is to choose from beside the microphone's button. */
    soundKinds,
    soundLabel: t(canChooseSpeaker() ? 'call.choose-sound' : 'call.choose-microphone'),
    microphone,
    camera,
    screen,
    /** Phones show no screens. */
    canShare: 'getDisplayMedia' in (navigator.mediaDevices ?? {}),
    leave: call.leave,
  }
}
