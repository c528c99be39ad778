/** The one voice session of the app: made at the start, found by whoever shows or moves the call. */
import { inject, type App, type InjectionKey } from 'vue'
import { createAudioLevels, type AudioLevels } from '../livekit/audio-levels.ts'
import { canEncrypt } from '../livekit/can-encrypt.ts'
import { createDeviceMemory } from '../livekit/device-choice.ts'
import type { VoiceConnection } from '../livekit/voice-connection.types.ts'
import { randomId } from '../random-id.ts'
import { callStore } from '../stores/call.store.ts'
import { askServer } from '../voice-session/ask-server.ts'
import { createCallLock } from '../voice-session/call-lock.ts'
import { createVoiceSession } from '../voice-session/create-voice-session.ts'
import { keepAwake } from '../voice-session/keep-awake.ts'
import { savePlace, readSavedPlace } from '../voice-session/saved-place.ts'
import { loadLivekit } from '../voice-session/load-livekit.ts'
import { browserClock } from '../voice-session/patience.ts'
import { handleMediaKeys } from '../voice-session/media-keys.ts'
import { openPanel } from '../voice-session/open-panel.ts'
import { followPage, followServer, followSignIn } from '../voice-session/page-events.ts'
import { clearMedia, openShown, type CallNews } from '../voice-session/show-media.ts'
import { showNews, showTroubles } from '../voice-session/show-news.ts'
import type { VoiceSession } from '../voice-session/voice-session.types.ts'

export interface VoiceSessionOfApp
  extends
    VoiceSession<VoiceConnection>,
    Pick<VoiceConnection, 'showVideo' | 'startSound' | 'useDevice' | 'refreshDevices'> {
  levels: AudioLevels
}

const key: InjectionKey<VoiceSessionOfApp> = Symbol('voice session')

/** Must run before `startSession`, so that a reload comes back into its call. */
export function provideVoiceSession(app: App): void {
  const levels = createAudioLevels({
    onSpeaking: (userId, speaking) => callStore.trigger.spoke({ userId, speaking }),
  })
  const shown = {
    actor: () => session.actor,
    onNews: (news: CallNews) => showNews(news, session.actor),
    levels,
    memory: createDeviceMemory(localStorage),
    now: Date.now,
  }
  const session: VoiceSession<VoiceConnection> = createVoiceSession({
    ...askServer,
    canEncrypt,
    loadMedia: async () => openShown(await loadLivekit(), shown),
    mediaGone() {
      levels.clear()
      clearMedia()
    },
    lock: createCallLock(navigator.locks),
    savedPlace: {
      read: () => readSavedPlace(sessionStorage),
      write: (place) => savePlace(sessionStorage, place),
    },
    announce: shown.onNews,
    over: () => callStore.trigger.over(),
    // Without a secure context, too: that page must say so in words (R44).
    newId: () => randomId(16),
    clock: browserClock,
  })
  const startSound = async () => session.connection()?.startSound()
  showTroubles(session.actor)
  openPanel(session.actor)
  followPage(session)
  followServer(session)
  followSignIn(session, sessionStorage)
  keepAwake(session.actor)
  handleMediaKeys(session.actor, startSound)
  app.provide(key, {
    ...session,
    levels,
    showVideo: (trackId, element) =>
      session.connection()?.showVideo(trackId, element) ?? (() => undefined),
    startSound,
    useDevice: async (kind, deviceId) => session.connection()?.useDevice(kind, deviceId),
    refreshDevices: async () => session.connection()?.refreshDevices(),
  })
}

export function useVoiceSession(): VoiceSessionOfApp {
  const session = inject(key)
  if (!session) throw new Error('provideVoiceSession was not called')
  return session
}
