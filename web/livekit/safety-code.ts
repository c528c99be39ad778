/**
 * The safety code: 3 × 4 digits from the key and the call. The same code on both sides means
 * the same key. It is a hash of 256 random bits, so it tells nothing about the key.
 */
export async function safetyCodeOf(e2eeKey: string, callId: string): Promise<string[]> {
  const text = new TextEncoder().encode(`chatto safety code\n${callId}\n${e2eeKey}`)
  const digest = new DataView(await crypto.subtle.digest('SHA-256', text))
  return [0, 4, 8].map((offset) => String(digest.getUint32(offset) % 10_000).padStart(4, '0'))
}
