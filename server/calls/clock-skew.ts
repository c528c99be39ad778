/** What an operator is told of two clocks that differ. */

/** Why a webhook was not taken: its time (everything else held), or who signed it. */
export type WebhookRefusal = { is: 'clock'; skewMs: number } | { is: 'key' }

/** What LiveKit and this server put up with. */
const leewayMs = 60_000
/** How long a join's token lives (server/livekit/tokens.ts). */
const tokenMs = 300_000

/** `skewMs`: how far LiveKit's clock is ahead of ours. Says what comes of it. */
export function describeSkew(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000)
  const isAhead = skewMs > 0
  const what = `LiveKit’s clock is ${seconds} s ${isAhead ? 'ahead of' : 'behind'} this server’s`
  if (Math.abs(skewMs) <= leewayMs) return `${what}: beyond 60 s nobody can come in`
  if (!isAhead) return `${what}: it takes neither this server’s questions nor anybody’s join`
  return skewMs > leewayMs + tokenMs
    ? `${what}: a join has run out before LiveKit sees it, and its webhooks are refused here`
    : `${what}: its webhooks are refused here`
}
