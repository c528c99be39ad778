/** Posts a webhook over http or https; to our own web server it believes one certificate and no other. */
import { X509Certificate } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { PostWebhook } from './webhooks.ts'

/** LiveKit has no time-out here; a receiver that hangs would block its room for good. */
const timeoutMs = 15_000

/** `certificate`: PEM; null trusts who the system trusts. Read at each post. */
export function createWebhookPost(certificate: () => string | null): PostWebhook {
  return (url, body, authorization) =>
    new Promise((resolve, reject) => {
      const isHttps = url.startsWith('https:')
      const options: RequestOptions = {
        method: 'POST',
        headers: {
          'content-type': 'application/webhook+json',
          'content-length': Buffer.byteLength(body),
          authorization,
        },
        timeout: timeoutMs,
        // A new connection each time: a kept one may be dead when the web server has restarted.
        agent: false,
        ...(isHttps ? trust(certificate()) : {}),
      }
      const request = (isHttps ? httpsRequest : httpRequest)(url, options, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      request.on('timeout', () => request.destroy(new Error(`no answer in ${timeoutMs} ms`)))
      request.on('error', reject)
      request.end(body)
    })
}

/** The certificate itself is what is known, so its names and its issuer do not matter. */
function trust(certificate: string | null): RequestOptions {
  if (certificate === null) return {}
  const { fingerprint256 } = new X509Certificate(certificate)
  return {
    ca: [certificate],
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, shown) =>
      shown.fingerprint256 === fingerprint256
        ? undefined
        : new Error('the web server shows another certificate than its own'),
  }
}
