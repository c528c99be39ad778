/** What is known of LiveKit itself: whether it answers, and whether its webhooks arrive (R38). */
import type { Logger } from 'pino'

export interface LivekitHealth {
  reached(): void
  failed(error: unknown): void
  webhookSeen(at: number): void
  /** A listing begun then showed somebody of whom no report had told. */
  listingKnewMore(begunAt: number): void
  /** They may be silent: nothing that was learnt without them has been told by one since. */
  webhooksAreDoubted(): boolean
  isTroubled(): boolean
  state(): {
    livekit: { state: 'reachable' | 'unreachable'; since: number }
    webhooks: { silent: boolean; lastAt: number | null }
  }
}

/** A listing may be a little faster than the webhook of the same event, which is here by then. */
const webhookLagMs = 2_000

export function createLivekitHealth({ now, log }: { now(): number; log: Logger }): LivekitHealth {
  let reachable: boolean | null = null
  let since = now()
  /** Since when a listing has known more than the webhooks told. */
  let doubtedAt: number | null = null
  let isWarned = false
  let lastWebhookAt: number | null = null

  function turn(next: boolean): void {
    if (reachable === next) return
    reachable = next
    since = now()
  }

  const areSilent = () => doubtedAt !== null && now() - doubtedAt >= webhookLagMs

  return {
    reached() {
      if (reachable === false) log.info('LiveKit answers again')
      turn(true)
      if (isWarned || !areSilent()) return
      isWarned = true
      log.warn(
        'LiveKit sends no webhooks to this server: calls are listed every two seconds instead. ' +
          'Set webhook.urls in livekit.yaml to the line printed at start',
      )
    },
    failed(error) {
      if (reachable !== false) log.warn({ err: error }, 'LiveKit cannot be asked who is in a call')
      turn(false)
    },
    webhookSeen(at) {
      if (isWarned) log.info('LiveKit’s webhooks arrive again')
      isWarned = false
      doubtedAt = null
      lastWebhookAt = at
    },
    listingKnewMore(begunAt) {
      if (lastWebhookAt !== null && lastWebhookAt >= begunAt - webhookLagMs) return
      doubtedAt ??= now()
    },
    webhooksAreDoubted: () => doubtedAt !== null,
    isTroubled: () => reachable === false,
    state: () => ({
      livekit: { state: reachable === false ? 'unreachable' : 'reachable', since },
      webhooks: { silent: areSilent(), lastAt: lastWebhookAt },
    }),
  }
}
