/**
 * What is known of LiveKit itself: whether it answers, whether its webhooks arrive (R37, R38), how far
 * its clock is from ours, and why what is missing is missing (R54).
 */
import type { Troubles } from '../troubles.ts'
import { describeSkew, type WebhookRefusal } from './clock-skew.ts'

export interface LivekitHealth {
  reached(): void
  failed(error: unknown): void
  /** How far LiveKit's clock is ahead of ours, as each of its answers tells. */
  clockRead(skewMs: number): void
  /** `isOurs`: about a room of this installation. */
  webhookSeen(at: number, isOurs: boolean): void
  /** One came that was not taken. */
  webhookRefused(refusal: WebhookRefusal): void
  /** A listing begun then showed somebody of whom no report had told. */
  listingKnewMore(begunAt: number): void
  /** They may be silent: nothing that was learnt without them has been told by one since. */
  webhooksAreDoubted(): boolean
  isTroubled(): boolean
  /** When a webhook about our rooms last showed that LiveKit lives (R37). */
  lastSignOfLifeAt(): number | null
  state(): {
    livekit: {
      state: 'reachable' | 'unreachable'
      since: number
      reason: string | null
      skewMs: number | null
    }
    webhooks: { silent: boolean; lastAt: number | null; reason: string | null }
  }
}

/** A listing may be a little faster than the webhook of the same event, which is here by then. */
const webhookLagMs = 2_000
/** Half of what both put up with. */
const maxSkewMs = 30_000
/** The clocks of two machines drift: only what is new is told again. */
const sameSkewMs = 10_000

export function createLivekitHealth({
  now,
  troubles,
  webhookUrl = null,
}: {
  now(): number
  troubles: Troubles
  /** Where LiveKit is to report to; null when nobody has to be told. */
  webhookUrl?: string | null
}): LivekitHealth {
  let reachable: boolean | null = null
  let since = now()
  let reason: string | null = null
  /** Since when a listing has known more than the webhooks told. */
  let doubtedAt: number | null = null
  let lastWebhookAt: number | null = null
  let lastSignOfLifeAt: number | null = null
  /** Since the last one that was taken. */
  let lastRefusal: WebhookRefusal | null = null
  let skewMs: number | null = null
  let reportedSkewMs: number | null = null

  function setReachable(next: boolean): void {
    if (reachable === next) return
    reachable = next
    since = now()
  }

  const areSilent = () => doubtedAt !== null && now() - doubtedAt >= webhookLagMs

  function whyNoWebhooks(): string {
    if (lastRefusal?.is === 'clock') {
      return `LiveKit’s webhooks are refused here: ${describeSkew(lastRefusal.skewMs)}. Set both clocks by NTP`
    }
    if (lastRefusal?.is === 'key') {
      return (
        'LiveKit’s webhooks arrive, signed with another key or secret: webhook.api_key in ' +
        'livekit.yaml must name [livekit] api_key, with the same secret under keys'
      )
    }
    const where = webhookUrl ?? 'the line printed at start'
    return (
      'LiveKit sends no webhooks to this server, so calls are listed every two seconds instead. ' +
      `Set webhook.urls in livekit.yaml to ${where}, and see that LiveKit reaches it`
    )
  }

  const silence = () => lastRefusal?.is ?? 'silent'

  /** One at a time: another cause takes the place of the one before. */
  function raiseSilence(): void {
    for (const why of ['silent', 'clock', 'key'] as const) {
      if (why !== silence()) troubles.clear(`webhooks-${why}`)
    }
    const message = whyNoWebhooks()
    troubles.raise({ part: 'webhooks', code: `webhooks-${silence()}`, message })
  }

  return {
    reached() {
      troubles.clear('livekit-unreachable', 'LiveKit answers again')
      reason = null
      setReachable(true)
      if (areSilent()) raiseSilence()
    },
    failed(error) {
      reason = error instanceof Error ? error.message : String(error)
      setReachable(false)
      troubles.raise({
        part: 'livekit',
        code: 'livekit-unreachable',
        message: `LiveKit cannot be asked who is in a call: ${reason}`,
      })
    },
    clockRead(ms) {
      skewMs = Math.round(ms)
      if (Math.abs(ms) <= maxSkewMs) {
        reportedSkewMs = null
        troubles.clear('livekit-clock', 'LiveKit’s clock and this server’s agree again')
        return
      }
      if (reportedSkewMs === null || Math.abs(ms - reportedSkewMs) > sameSkewMs) reportedSkewMs = ms
      const message = `${upper(describeSkew(reportedSkewMs))}. Set both clocks by NTP`
      troubles.raise(
        { part: 'clock', code: 'livekit-clock', message },
        { clockSkewMs: Math.round(ms) },
      )
    },
    webhookSeen(at, isOurs) {
      troubles.clear(`webhooks-${silence()}`, 'LiveKit’s webhooks arrive again')
      doubtedAt = null
      lastRefusal = null
      lastWebhookAt = at
      if (isOurs) lastSignOfLifeAt = at
    },
    webhookRefused(refusal) {
      // An old one that somebody sends again says nothing of clocks that are known to agree.
      if (refusal.is === 'clock' && skewMs !== null && Math.abs(skewMs) <= maxSkewMs) return
      // Anybody can send what LiveKit did not sign; only a refusal for the time is surely LiveKit's.
      if (lastRefusal?.is !== 'clock' || refusal.is === 'clock') lastRefusal = refusal
      if (refusal.is === 'clock') raiseSilence()
    },
    listingKnewMore(begunAt) {
      if (lastWebhookAt !== null && lastWebhookAt >= begunAt - webhookLagMs) return
      doubtedAt ??= now()
    },
    webhooksAreDoubted: () => doubtedAt !== null,
    isTroubled: () => reachable === false,
    lastSignOfLifeAt: () => lastSignOfLifeAt,
    state: () => ({
      livekit: {
        state: reachable === false ? 'unreachable' : 'reachable',
        since,
        reason: reachable === false ? reason : null,
        skewMs,
      },
      webhooks: {
        silent: areSilent(),
        lastAt: lastWebhookAt,
        reason: areSilent() || lastRefusal?.is === 'clock' ? whyNoWebhooks() : null,
      },
    }),
  }
}

const upper = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
