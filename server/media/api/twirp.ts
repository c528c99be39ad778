/** What LiveKit's RoomService answers when it refuses: `{code, msg}` with the HTTP status of the code. */

export interface TwirpRequest {
  method: string
  /** With `/twirp/` in front, as sent. */
  path: string
  /** The header; undefined when there is none. */
  authorization: string | undefined
  contentType: string
  body: Uint8Array
}

export interface TwirpAnswer {
  status: number
  contentType: string
  body: Uint8Array
}

const statuses = {
  invalid_argument: 400,
  malformed: 400,
  unauthenticated: 401,
  not_found: 404,
  bad_route: 404,
  failed_precondition: 412,
  internal: 500,
  unimplemented: 501,
  unavailable: 503,
} as const

export type TwirpCode = keyof typeof statuses

/** An answer that is no success. */
export class TwirpError extends Error {
  readonly code: TwirpCode
  readonly meta: Record<string, string> | undefined

  constructor(code: TwirpCode, message: string, meta?: Record<string, string>) {
    super(message)
    this.name = 'TwirpError'
    this.code = code
    this.meta = meta
  }
}

/** LiveKit's own errors reach its Twirp layer as unknown ones, and their text says so. */
export function livekitError(code: TwirpCode, message: string): TwirpError {
  return new TwirpError(code, `twirp error unknown: ${message}`)
}

export function badRoute(message: string, { method, path }: TwirpRequest): TwirpError {
  return new TwirpError('bad_route', message, { twirp_invalid_route: `${method} ${path}` })
}

export function toErrorAnswer({ code, message, meta }: TwirpError): TwirpAnswer {
  return jsonAnswer(statuses[code], { code, msg: message, ...(meta && { meta }) })
}

export function jsonAnswer(status: number, value: unknown): TwirpAnswer {
  return {
    status,
    contentType: 'application/json',
    body: new TextEncoder().encode(JSON.stringify(value)),
  }
}

/** What LiveKit says before Twirp has a look: plain text. */
export function textAnswer(status: number, text: string): TwirpAnswer {
  return {
    status,
    contentType: 'text/plain; charset=utf-8',
    body: new TextEncoder().encode(text),
  }
}
