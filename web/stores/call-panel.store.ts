/** What the call's part of the page shows beside the call itself: questions, help, the side, the focus. */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import type { Ref } from 'vue'

/** Where the focus belongs after joining or leaving by a click. */
export type FocusPlace = 'microphone' | 'call-button'

export interface CallPanelState {
  /** The call stands in its room's place; else the room's messages do. */
  isOpen: boolean
  /** The room whose call was asked for while in another one (R10). */
  switchTo: string | null
  /** How to allow this device is on the screen. */
  help: 'microphone' | 'camera' | null
  /** The list of people stands beside the call. */
  people: boolean
  focus: FocusPlace | null
  /** The client's part for calls could not be loaded when it was last asked for. */
  isPartMissing: boolean
}

const isWide = () => window.matchMedia('(min-width: 1100px)').matches

export const callPanelStore = createStore({
  context: {
    isOpen: true,
    switchTo: null,
    help: null,
    people: isWide(),
    focus: null,
    isPartMissing: false,
  } as CallPanelState,
  on: {
    opened: (context) => ({ ...context, isOpen: true }),
    closed: (context) => ({ ...context, isOpen: false }),
    switchAsked: (context, event: { roomId: string }) => ({ ...context, switchTo: event.roomId }),
    switchClosed: (context) => ({ ...context, switchTo: null }),
    helpAsked: (context, event: { device: 'microphone' | 'camera' }) => ({
      ...context,
      help: event.device,
    }),
    helpClosed: (context) => ({ ...context, help: null }),
    peopleToggled: (context) => ({ ...context, people: !context.people }),
    peopleClosed: (context) => ({ ...context, people: false }),
    focusWanted: (context, event: { place: FocusPlace }) => ({ ...context, focus: event.place }),
    focusGiven: (context) => ({ ...context, focus: null }),
    partLoaded: (context) => ({ ...context, isPartMissing: false }),
    partMissing: (context) => ({ ...context, isPartMissing: true }),
  },
})

/** True once, for the place that the focus belongs to. */
export function consumeFocus(place: FocusPlace): boolean {
  if (callPanelStore.getSnapshot().context.focus !== place) return false
  callPanelStore.trigger.focusGiven()
  return true
}

export const useCallPanel = <T>(choose: (state: CallPanelState) => T): Readonly<Ref<T>> =>
  useSelector(callPanelStore, ({ context }) => choose(context))
