/** Puts the call in its room's place once one is in, or has to be told why not. */
import { callPanelStore } from '../stores/call-panel.store.ts'
import type { VoiceSessionActor } from './voice-session.types.ts'

const onTheWay = ['checking', 'asking', 'connecting'] as const

export function openPanel(actor: VoiceSessionActor): void {
  let wasOnTheWay = false
  actor.subscribe((snapshot) => {
    const isOnTheWay = onTheWay.some((state) => snapshot.matches(state))
    // Who gave up stays where they are.
    if (wasOnTheWay && !isOnTheWay && !snapshot.matches('idle')) callPanelStore.trigger.opened()
    wasOnTheWay = isOnTheWay
  })
}
