/** What is known of LiveKit itself: whether it answers, and whether its webhooks arrive (R38). */
import type { Logger } from 'pino'

export interface LivekitHealth {
  reached(): void
  failed(error: unknown): void
  webhookSeen(at: number): void
  /** A listing begun then showed somebody of whom no report had told. */
  listingKnewMore(begunAt: number): void
  webhooksAreSilent(): boolean
  isTroubled(): boolean
  state(): {
    livekit: { state: 'reachable' | 'unreachable'; since: number }
    webhooks: { silent: boolean; lastAt: number | null }
  }
}

export function createLivekitHealth({ now, log }: { now(): number; log: Logger }): LivekitHealth {
  let reachable: boolean | null = null
  let since = now()
  let silent = false
  let lastWebhookAt: number | null = null

  function turn(next: boolean): void {
    if (reachable === next) return
    reachable = next
    since = now()
  }

  return {
    reached() {
      if (reachable === false) log.info('LiveKit answers again')
      turn(true)
    },
    failed(error) {
      if (reachable !== false) log.warn({ err: error }, 'LiveKit cannot be asked who is in a call')
      turn(false)
    },
    webhookSeen(at) {
      if (silent) log.info('LiveKit’s webhooks arrive again')
      silent = false
      lastWebhookAt = at
    },
    listingKnewMore(begunAt) {
      if (silent || (lastWebhookAt !== null && lastWebhookAt >= begunAt - 2_000)) return
      silent = true
      log.warn(
        'LiveKit sends no webhooks to this server: calls are listed every two seconds instead. ' +
          'Set webhook.urls in livekit.yaml to the line printed at start',
      )
    },
    webhooksAreSilent: () => silent,
    isTroubled: () => reachable === false,
    state: () => ({
      livekit: { state: reachable === false ? 'unreachable' : 'reachable', since },
      webhooks: { silent, lastAt: lastWebhookAt },
    }),
  }
}
