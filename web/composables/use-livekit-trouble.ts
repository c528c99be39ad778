/** What an admin should know of LiveKit while the page is looked at: it is away, or its webhooks are (R38). */
import { useDocumentVisibility, useIntervalFn } from '@vueuse/core'
import { readonly, ref, watch, type Ref } from 'vue'
import { api } from '../api/client.ts'
import type { Health } from '../../server/protocol/wire.ts'

const everyMs = 15_000

export type LivekitTrouble = { is: 'away' } | { is: 'silent'; url: string } | null

/** `isAdmin` is read when the component is set up. Nothing is asked for others. */
export function useLivekitTrouble(isAdmin: boolean): Readonly<Ref<LivekitTrouble>> {
  const trouble = ref<LivekitTrouble>(null)
  if (!isAdmin) return readonly(trouble)

  const visibility = useDocumentVisibility()
  const { pause, resume } = useIntervalFn(() => void look(), everyMs, { immediate: false })
  watch(
    visibility,
    (now) => {
      pause()
      if (now !== 'visible') return
      void look()
      resume()
    },
    { immediate: true },
  )
  return readonly(trouble)

  async function look(): Promise<void> {
    try {
      trouble.value = troubleOf(await api.health())
    } catch {
      // The connection has a strip of its own.
      trouble.value = null
    }
  }
}

export function troubleOf({ livekit, webhooks }: Health): LivekitTrouble {
  if (livekit.state === 'unreachable') return { is: 'away' }
  if (livekit.state === 'reachable' && webhooks.silent) {
    return { is: 'silent', url: webhooks.url ?? '' }
  }
  return null
}
