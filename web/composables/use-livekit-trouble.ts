/** What an admin should know while the page is looked at: LiveKit cannot be asked, its webhooks are away (R38), or what else people are told cannot be done (R54). */
import { useDocumentVisibility, useIntervalFn } from '@vueuse/core'
import { readonly, ref, watch, type Ref } from 'vue'
import { api } from '../api/client.ts'
import type { Health } from '../../server/protocol/wire.ts'

const everyMs = 15_000

export type LivekitTrouble =
  | { is: 'away'; reason: string }
  | { is: 'silent'; url: string }
  /** In the server's own words: a cause that only it knows. */
  | { is: 'other'; message: string }
  | null

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

/** The worst of them: there is one strip. */
export function troubleOf({ livekit, webhooks, troubles }: Health): LivekitTrouble {
  if (livekit.state === 'unreachable') return { is: 'away', reason: livekit.reason ?? '' }
  const cause = troubles.find(({ code }) => code !== 'webhooks-silent')
  if (cause) return { is: 'other', message: cause.message }
  if (livekit.state === 'reachable' && webhooks.silent) {
    return { is: 'silent', url: webhooks.url ?? '' }
  }
  return null
}
