/** The voice session as components see it: where one is, what is published, and what one can ask for. */
import { useSelector } from '@xstate/vue'
import { waitFor } from 'xstate'
import { computed, toValue, type MaybeRefOrGetter, type Ref } from 'vue'
import {
  deviceOf,
  type VoiceSessionSnapshot as Snapshot,
} from '../../machines/voice-session.machine.ts'
import { canEncrypt } from '../livekit/can-encrypt.ts'
import { callPanelStore, useCallPanel } from '../stores/call-panel.store.ts'
import { useCallsEnabled } from '../stores/session.store.ts'
import { useConnectionLost } from '../stores/live.store.ts'
import { useRoom } from '../stores/rooms.store.ts'
import { useCallInOtherTab } from './use-call-in-other-tab.ts'
import { useVoiceSession, type VoiceSessionOfApp } from './use-voice-session.ts'
import { isLasting, shownReason } from '../voice-session/over-words.ts'

/** `over`: refused, failed or ended, and not yet dismissed. */
export type CallPhase = 'idle' | 'joining' | 'connected' | 'returning' | 'leaving' | 'over'

function phaseOf(snapshot: Snapshot): CallPhase {
  if (snapshot.matches('idle')) return 'idle'
  if (snapshot.matches('connected')) return 'connected'
  if (snapshot.matches('returning')) return 'returning'
  if (snapshot.matches('leaving')) return 'leaving'
  const isOver =
    snapshot.matches('refused') || snapshot.matches('failed') || snapshot.matches('ended')
  return isOver ? 'over' : 'joining'
}

/** What a button of the call shows: what is published, or on its way. */
export type DeviceShown = 'on' | 'off' | 'pending' | 'refused'

function shownOf(snapshot: Snapshot, kind: 'microphone' | 'camera'): DeviceShown {
  const device = deviceOf(snapshot, kind)
  const shown = (['refused', 'pending'] as const).find((state) => device.matches(state))
  return shown ?? (device.hasTag('wanted') ? 'on' : 'off')
}

function screenOf(snapshot: Snapshot): DeviceShown {
  if (snapshot.matches({ connected: { screen: 'on' } })) return 'on'
  return snapshot.matches({ connected: { screen: 'pending' } }) ? 'pending' : 'off'
}

const isReconnecting = (snapshot: Snapshot) =>
  snapshot.matches('returning') || snapshot.matches({ connected: { media: 'reconnecting' } })

export function useCall() {
  const voice = useVoiceSession()
  const { actor } = voice
  const over = useSelector(
    actor,
    ({ context: { reason, callId } }) => ({ reason, callId }),
    (a, b) => a.reason === b.reason && a.callId === b.callId,
  )
  const isPartMissing = useCallPanel((panel) => panel.isPartMissing)
  return {
    phase: useSelector(actor, phaseOf),
    roomId: useSelector(actor, ({ context }) => context.roomId),
    reason: computed(() =>
      shownReason(over.value, {
        isPartMissing: isPartMissing.value,
        isSecure: window.isSecureContext,
      }),
    ),
    microphone: useSelector(actor, (snapshot) => shownOf(snapshot, 'microphone')),
    camera: useSelector(actor, (snapshot) => shownOf(snapshot, 'camera')),
    screen: useSelector(actor, screenOf),
    microphoneTrouble: useSelector(actor, (now) => deviceOf(now, 'microphone').context.trouble),
    cameraTrouble: useSelector(actor, (now) => deviceOf(now, 'camera').context.trouble),
    reconnecting: useSelector(actor, isReconnecting),
    join: (roomId: string) => join(voice, roomId),
    /** Leaves, and gives up a join that is on its way. */
    leave() {
      callPanelStore.trigger.focusWanted({ place: 'call-button' })
      actor.send({ type: 'leave.requested' })
    },
    /** Shows the call in its room's place, or the room's messages. */
    open: () => callPanelStore.trigger.opened(),
    close: () => callPanelStore.trigger.closed(),
    dismiss: () => actor.send({ type: 'dismissed' }),
    switchTo: (roomId: string) => void switchTo(voice, roomId),
    want(device: 'microphone' | 'camera' | 'screen', enabled: boolean) {
      actor.send({ type: `${device}.wanted`, enabled })
    },
    startSound: () => voice.startSound(),
  }
}

/** R10: another room's call is asked about first. */
function join(voice: VoiceSessionOfApp, roomId: string): void {
  const snapshot = voice.actor.getSnapshot()
  const phase = phaseOf(snapshot)
  const isElsewhere = phase !== 'idle' && phase !== 'over'
  if (!isElsewhere) {
    // From the room's button, the room stays until one is in; from the call's place, that stays.
    if (phase === 'idle') callPanelStore.trigger.closed()
    callPanelStore.trigger.focusWanted({ place: 'microphone' })
    voice.join(roomId)
  } else if (snapshot.context.roomId !== roomId) {
    callPanelStore.trigger.switchAsked({ roomId })
  }
}

async function switchTo(voice: VoiceSessionOfApp, roomId: string): Promise<void> {
  callPanelStore.trigger.switchClosed()
  voice.actor.send({ type: 'leave.requested' })
  await waitFor(voice.actor, (snapshot) => ['idle', 'over'].includes(phaseOf(snapshot)))
  callPanelStore.trigger.focusWanted({ place: 'microphone' })
  voice.join(roomId)
}

/**
 * Whether the call's panel stands in this room's place: one is in its call and looks at it, comes
 * back into it after a reload, or must be told why not.
 */
export function useShowsCall(roomId: MaybeRefOrGetter<string>): Readonly<Ref<boolean>> {
  const { phase, roomId: callRoomId, reason } = useCall()
  const isOpen = useCallPanel((panel) => panel.isOpen)
  return computed(() => {
    if (!isOpen.value || callRoomId.value !== toValue(roomId)) return false
    if (phase.value === 'over') return reason.value !== null && isLasting(reason.value)
    return phase.value !== 'idle'
  })
}

export type CallButtonState =
  | 'hidden'
  | 'start'
  | 'join'
  /** In it, in another tab of this browser. */
  | 'elsewhere'
  | 'joining'
  | 'back'
  | 'full'
  | 'cannot-join'
  | 'offline'

export function useCallButton(roomId: MaybeRefOrGetter<string>): Readonly<Ref<CallButtonState>> {
  const { phase, roomId: callRoomId, reason } = useCall()
  const isEnabled = useCallsEnabled()
  const isLost = useConnectionLost()
  const room = useRoom(roomId)
  const isInOtherTab = useCallInOtherTab(roomId)
  return computed(() => {
    if (!isEnabled.value || !room.value) return 'hidden'
    if (callRoomId.value === toValue(roomId)) {
      if (phase.value === 'joining') return 'joining'
      if (phase.value === 'connected' || phase.value === 'returning') return 'back'
      if (phase.value === 'over' && reason.value === 'call-full' && room.value.call) return 'full'
    }
    if (isLost.value) return 'offline'
    if (!canEncrypt()) return 'cannot-join'
    if (!room.value.call) return 'start'
    const isHere = callRoomId.value === toValue(roomId) && phase.value === 'leaving'
    return isInOtherTab.value && !isHere ? 'elsewhere' : 'join'
  })
}
