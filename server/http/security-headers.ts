/** Headers that every answer carries. */
import type { Config } from '../config.ts'

/** Allows only what is needed: our own origin, LiveKit in both schemes, the encryption worker. */
export function contentSecurityPolicy(config: Pick<Config, 'livekit'>, nonce: string): string {
  const livekit = config.livekit ? originsOf(config.livekit.url) : []
  return [
    `default-src 'self'`,
    `script-src 'self'`,
    `worker-src 'self'`,
    `style-src 'self' 'nonce-${nonce}'`,
    // Positions of popovers are style attributes.
    `style-src-attr 'unsafe-inline'`,
    `img-src 'self' data: blob:`,
    `media-src 'self' blob: mediastream:`,
    `font-src 'self'`,
    `connect-src 'self' ${livekit.join(' ')}`.trim(),
    `object-src 'none'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
  ].join('; ')
}

/** The client opens a WebSocket, and asks `…/validate` over http(s). */
function originsOf(livekitUrl: string): string[] {
  const { host, protocol } = new URL(livekitUrl)
  const secure = protocol === 'wss:'
  const origins = [`${secure ? 'wss' : 'ws'}://${host}`, `${secure ? 'https' : 'http'}://${host}`]
  // LiveKit Cloud moves clients to other hosts of its own.
  if (host.endsWith('.livekit.cloud')) {
    origins.push('wss://*.livekit.cloud', 'https://*.livekit.cloud')
  }
  return origins
}

export const plainHeaders: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['permissions-policy', 'camera=(self), microphone=(self), display-capture=(self)'],
]
