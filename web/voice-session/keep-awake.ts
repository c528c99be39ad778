/** A phone that goes to sleep would take its person out of the call: the screen stays on while in one. */
import { useWakeLock } from '@vueuse/core'
import { effectScope } from 'vue'
import { isInCall } from '../../machines/voice-session.machine.ts'
import type { VoiceSessionActor } from './voice-session.types.ts'

export function keepAwake(actor: VoiceSessionActor): void {
  // For as long as the app; takes it again by itself when the page is looked at again.
  const lock = effectScope(true).run(() => useWakeLock())
  if (!lock?.isSupported.value) return
  let wasIn = false
  actor.subscribe((snapshot) => {
    const isIn = isInCall(snapshot)
    if (isIn === wasIn) return
    wasIn = isIn
    // Refused with an empty battery, for example: then it sleeps.
    void (isIn ? lock.request('screen') : lock.release()).catch(() => undefined)
  })
}
