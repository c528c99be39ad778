/** Loads the part of the client that knows LiveKit. A page that is older than its server finds it no more. */
import { callPanelStore } from '../stores/call-panel.store.ts'

/** What the page needs of the part that is loaded later. */
export type LivekitPart = Pick<
  typeof import('../livekit/voice-connection.ts'),
  'openVoiceConnection'
>

export async function loadLivekit(): Promise<LivekitPart> {
  try {
    const { openVoiceConnection } = await import('../livekit/voice-connection.ts')
    callPanelStore.trigger.partLoaded()
    return { openVoiceConnection }
  } catch (cause) {
    callPanelStore.trigger.partMissing()
    throw cause
  }
}
