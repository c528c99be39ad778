/** Whether one is in a call as one sees it: also while one is brought back into it. */
import type { VoiceSessionActor } from './voice-session.types.ts'

export const isInCall = (snapshot: ReturnType<VoiceSessionActor['getSnapshot']>): boolean =>
  snapshot.matches('connected') || snapshot.matches('returning')
