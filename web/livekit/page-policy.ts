/**
 * Whether the page's own content security policy keeps it from the media server. It was fixed when the
 * page was loaded: a server whose LiveKit is turned on, or moves, serves another one from then on.
 */
import { useEventListener } from '@vueuse/core'

export interface PagePolicy {
  isInTheWay(): boolean
  stop(): void
}

export function watchPagePolicy(): PagePolicy {
  let isInTheWay = false
  const stop = useEventListener(document, 'securitypolicyviolation', ({ effectiveDirective }) => {
    if (effectiveDirective === 'connect-src') isInTheWay = true
  })
  return { isInTheWay: () => isInTheWay, stop }
}
