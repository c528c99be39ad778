/** Signed in: the live socket opens. Signed out, by whomever: everything that was known is forgotten. */
import { useEventListener, useIntervalFn } from '@vueuse/core'
import { watch } from 'vue'
import { api } from '../api/client.ts'
import { connect, disconnect } from '../stores/live.store.ts'
import { useMe, useSessionState } from '../stores/session.store.ts'
import { keepReadMarks } from '../stores/read-marks.ts'
import { sendAgain } from '../stores/timelines.store.ts'
import { keepUnsent } from '../stores/unsent.ts'

/** A browser forgets the cookie of a session that is in use; the server gives it anew with this answer. */
const askWhoIAmEveryMs = 12 * 3600_000

export function useSessionEffects(): void {
  const state = useSessionState()
  const me = useMe()
  watch(
    state,
    (now, before) => {
      if (now === 'signed-in' && me.value) {
        keepReadMarks(me.value.id)
        keepUnsent(me.value.id)
        connect()
      } else if (before === 'signed-in') {
        keepReadMarks(null)
        keepUnsent(null)
        disconnect()
      }
    },
    { immediate: true },
  )
  useIntervalFn(() => {
    // Whether the session is over is for the live socket to say.
    if (state.value === 'signed-in') api.me().catch(() => undefined)
  }, askWhoIAmEveryMs)
  // The socket may have outlived a gap that a message did not.
  useEventListener(window, 'online', sendAgain)
}
