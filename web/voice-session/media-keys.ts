/**
 * The keys of keyboards, headsets and lock screens, while in a call. Browsers would pause all voices by
 * them, for good: here they play on, and the keys that are made for calls do what they say.
 */
import type { Wishes } from '../../machines/voice-session.events.ts'
import { isInCall, wishesOf } from '../../machines/voice-session.machine.ts'
import { roomNow } from '../stores/rooms.store.ts'
import type { VoiceSessionActor } from './voice-session.types.ts'

type Action = MediaSessionAction | 'togglemicrophone' | 'togglecamera' | 'hangup'

/** Newer than TypeScript's own description of it. */
interface MediaSessionOfCalls {
  setMicrophoneActive?(active: boolean): Promise<void> | void
  setCameraActive?(active: boolean): Promise<void> | void
}

export function handleMediaKeys(actor: VoiceSessionActor, startSound: () => Promise<void>): void {
  if (!('mediaSession' in navigator)) return
  const session: MediaSession & MediaSessionOfCalls = navigator.mediaSession

  const playOn = () => void startSound()
  const toggle = (device: 'microphone' | 'camera') => () => {
    const wishes = wishesOf(actor.getSnapshot())
    actor.send({ type: `${device}.wanted`, enabled: !wishes[device] })
  }
  const handlers: Record<string, () => void> = {
    play: playOn,
    pause: playOn,
    stop: playOn,
    togglemicrophone: toggle('microphone'),
    togglecamera: toggle('camera'),
    hangup: () => actor.send({ type: 'leave.requested' }),
  } satisfies Partial<Record<Action, () => void>>

  function setHandlers(isIn: boolean): void {
    for (const [action, handle] of Object.entries(handlers)) {
      try {
        session.setActionHandler(action as MediaSessionAction, isIn ? handle : null)
      } catch {
        // A key that this browser does not know.
      }
    }
    session.playbackState = isIn ? 'playing' : 'none'
    const title = roomNow(actor.getSnapshot().context.roomId ?? '')?.name
    session.metadata =
      isIn && title && 'MediaMetadata' in window ? new MediaMetadata({ title }) : null
  }

  /** What the system's own buttons show. */
  async function showDevices({ microphone, camera }: Wishes): Promise<void> {
    await session.setMicrophoneActive?.(microphone)
    await session.setCameraActive?.(camera)
  }

  let wasIn = false
  actor.subscribe((snapshot) => {
    const isIn = isInCall(snapshot)
    if (isIn !== wasIn) {
      wasIn = isIn
      setHandlers(isIn)
    }
    if (!isIn) return
    void showDevices(wishesOf(snapshot)).catch(() => undefined)
  })
}
