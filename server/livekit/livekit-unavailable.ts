/** The one error of asking LiveKit: what went wrong, without addresses, bodies or secrets in it. */
import { ServerError } from 'livekit-server-sdk'

/** `refused`: LiveKit answered with an error. `other`: whatever answered, it was not LiveKit as we know it. */
export type LivekitTrouble = 'unreachable' | 'timeout' | 'unauthenticated' | 'refused' | 'other'

export class LivekitUnavailable extends Error {
  readonly code: LivekitTrouble

  constructor(code: LivekitTrouble, message: string) {
    super(message)
    this.name = 'LivekitUnavailable'
    this.code = code
  }
}

/** The SDK's errors as ours. They may quote what they were asked with, so none is kept as a cause. */
export function toLivekitUnavailable(error: unknown, timeoutMs: number): LivekitUnavailable {
  if (error instanceof LivekitUnavailable) return error
  if (error instanceof ServerError) return fromAnswer(error)
  if (error instanceof Error && ['TimeoutError', 'AbortError'].includes(error.name)) {
    return notInTime(timeoutMs)
  }
  // What fetch throws when nobody answers.
  if (error instanceof TypeError && error.cause !== undefined) {
    return new LivekitUnavailable('unreachable', `LiveKit cannot be reached${why(error.cause)}`)
  }
  return new LivekitUnavailable('other', 'the answer was not understood; is LiveKit at that url?')
}

/** A time-out of our own, exact to the millisecond. */
export async function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(notInTime(timeoutMs))
    }, timeoutMs)
  })
  try {
    return await Promise.race([answer, timeout])
  } finally {
    clearTimeout(timer)
  }
}

function fromAnswer({ status, code }: ServerError): LivekitUnavailable {
  if (status === 401 || status === 403) {
    return new LivekitUnavailable('unauthenticated', 'LiveKit does not take the API key or secret')
  }
  if (code === undefined) {
    return new LivekitUnavailable('other', `an answer ${status} that is not LiveKit’s`)
  }
  const named = /^[a-z_]{1,32}$/.test(code) ? ` ${code}` : ''
  return new LivekitUnavailable('refused', `LiveKit answered ${status}${named}`)
}

function notInTime(timeoutMs: number): LivekitUnavailable {
  return new LivekitUnavailable('timeout', `LiveKit did not answer within ${timeoutMs} ms`)
}

/** The system's word for it: `ECONNREFUSED`, `ENOTFOUND`, a certificate's trouble. */
function why(cause: unknown): string {
  if (!(cause instanceof Error) || !('code' in cause)) return ''
  return typeof cause.code === 'string' && /^[A-Z_]{1,48}$/.test(cause.code)
    ? `: ${cause.code}`
    : ''
}
