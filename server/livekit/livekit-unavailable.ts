/**
 * The one error of asking LiveKit: what went wrong, where it was asked, and what an operator can do
 * about it (R54). No bodies, tokens or secrets are in it.
 */

/** `refused`: LiveKit answered with an error. `other`: whatever answered, it was not LiveKit as we know it. */
export type LivekitTrouble =
  'unreachable' | 'timeout' | 'unauthenticated' | 'clock' | 'refused' | 'other'

export class LivekitUnavailable extends Error {
  readonly code: LivekitTrouble

  constructor(code: LivekitTrouble, message: string) {
    super(message)
    this.name = 'LivekitUnavailable'
    this.code = code
  }
}

const otherWay =
  'where only browsers reach that address, set [livekit] internal_url to one that this server reaches'

/**
 * What fetch threw as ours. It may quote what was asked with, so it is not kept as a cause.
 * `address`: as it is configured.
 */
export function fromFailure(error: unknown, address: string, timeoutMs: number) {
  if (error instanceof LivekitUnavailable) return error
  if (error instanceof Error && ['TimeoutError', 'AbortError'].includes(error.name)) {
    return new LivekitUnavailable(
      'timeout',
      `${address} did not answer within ${timeoutMs} ms; a firewall may be in the way; ${otherWay}`,
    )
  }
  // What fetch throws when nobody answers.
  if (error instanceof TypeError && error.cause !== undefined) {
    return new LivekitUnavailable('unreachable', toCause(systemWord(error.cause), address))
  }
  return notLivekit(address)
}

export function notLivekit(address: string, status?: number): LivekitUnavailable {
  const what = status === undefined ? 'an answer' : `an answer ${status}`
  return new LivekitUnavailable(
    'other',
    `${address} gave ${what} that is not LiveKit’s: is LiveKit there, and does a proxy pass on its path?`,
  )
}

/** LiveKit's own error. `skewMs`: how far its clock is ahead of ours, where it said. */
export function fromAnswer(
  { status, code, skewMs }: { status: number; code: string | undefined; skewMs: number | null },
  address: string,
): LivekitUnavailable {
  if (status === 401 || status === 403) {
    if (status === 401 && skewMs !== null && Math.abs(skewMs) > maxSkewMs) {
      const seconds = Math.round(Math.abs(skewMs) / 1000)
      return new LivekitUnavailable(
        'clock',
        `${address} refuses us because its clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this server’s: set both by NTP`,
      )
    }
    return new LivekitUnavailable(
      'unauthenticated',
      `${address} does not take the API key or secret: [livekit] api_key and api_secret must be a pair under keys in livekit.yaml`,
    )
  }
  if (code === undefined) return notLivekit(address, status)
  const named = /^[a-z_]{1,32}$/.test(code) ? ` ${code}` : ''
  return new LivekitUnavailable('refused', `LiveKit at ${address} answered ${status}${named}`)
}

/** LiveKit takes what is a minute off; a refusal within half of it is another one's fault. */
const maxSkewMs = 30_000

const notTrusted = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_UNTRUSTED',
]

function toCause(word: string, address: string): string {
  const suffix = word === '' ? '' : ` (${word})`
  if (notTrusted.includes(word)) {
    return (
      `the certificate of ${address} is not trusted by this server${suffix}: name its authority in ` +
      `NODE_EXTRA_CA_CERTS, or set [livekit] internal_url to an address without TLS or with a trusted one`
    )
  }
  switch (word) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the name in ${address} cannot be resolved by this server${suffix}; ${otherWay}`
    case 'ECONNREFUSED':
      return `nothing listens at ${address}, as this server sees it${suffix}: is LiveKit running? ${otherWay}`
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `the certificate of ${address} is not valid now${suffix}: renew it, and look at the clocks`
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${address} is for another name${suffix}; ${otherWay}`
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'EPROTO':
      return `${address} does not speak TLS${suffix}: is it ws:// in place of wss://?`
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `there is no way from this server to ${address}${suffix}; a firewall may be in the way; ${otherWay}`
    case 'bad port':
      return `the port of ${address} is one that is never asked: it is another protocol’s`
    default:
      return `${address} cannot be reached by this server${suffix}; ${otherWay}`
  }
}

/** The system's word for it: `ECONNREFUSED`, `ENOTFOUND`, a certificate's trouble. */
function systemWord(cause: unknown): string {
  if (cause instanceof Error && cause.message === 'bad port') return 'bad port'
  if (!(cause instanceof Error) || !('code' in cause)) return ''
  return typeof cause.code === 'string' && /^[A-Z_]{1,48}$/.test(cause.code) ? cause.code : ''
}
