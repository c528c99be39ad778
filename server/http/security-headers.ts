/** Headers that keep browsers from doing what we never ask of them. */
import type { Config } from '../config/config.ts'

export interface PagePolicy {
  /** Of the page: reka-ui writes `<style>` elements that carry it. */
  nonce: string
  /** As the browser reached us; older Safaris do not count our sockets as 'self'. */
  host: string
  secure: boolean
  /** For a page that comes by a proxy which says another host: asked for without an Origin. */
  configuredOrigins: readonly string[]
}

/** Allows only what is needed: our own origin, LiveKit in both schemes, the encryption worker. */
export function contentSecurityPolicy(
  config: Pick<Config, 'livekit'>,
  page: PagePolicy | null,
): string {
  const { livekit } = config
  // The embedded media server has our own origin.
  const media = livekit && !livekit.embedded ? originsOf(livekit.url) : []
  const own = page
    ? new Set([
        `${page.secure ? 'wss' : 'ws'}://${page.host}`,
        ...page.configuredOrigins.map((origin) => origin.replace(/^http/, 'ws')),
      ])
    : []
  return [
    `default-src 'self'`,
    `script-src 'self'`,
    `worker-src 'self'`,
    page ? `style-src 'self' 'nonce-${page.nonce}'` : `style-src 'self'`,
    // Positions of popovers are style attributes.
    `style-src-attr 'unsafe-inline'`,
    `img-src 'self' data: blob:`,
    `media-src 'self' blob: mediastream:`,
    `font-src 'self'`,
    ['connect-src', `'self'`, ...own, ...media].join(' '),
    `object-src 'none'`,
    `base-uri 'none'`,
    `form-action 'self'`,
    `frame-ancestors 'none'`,
  ].join('; ')
}

/** Of answers that are no page: nothing in them is ever run, fetched or framed. */
export const apiContentSecurityPolicy = `default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

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

/** On every answer, whatever it holds. */
export const plainHeaders: readonly (readonly [string, string])[] = [
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['cross-origin-opener-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['permissions-policy', 'camera=(self), microphone=(self), display-capture=(self)'],
]
