/** The one error that reaches a client: a closed code with its HTTP status. The web owns the words. */
export const errorStatus = {
  'invalid-request': 400,
  'not-signed-in': 401,
  'not-a-member': 403,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'call-ended': 409,
  'call-full': 409,
  'too-large': 413,
  'unsupported-media-type': 415,
  'wrong-host': 421,
  'slow-down': 429,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof errorStatus

export class AppError extends Error {
  readonly code: ErrorCode
  readonly details: Record<string, unknown>

  /** `message` is for the developer who reads the answer; `details` must hold no secret. */
  constructor(code: ErrorCode, message: string, details: Record<string, unknown> = {}) {
    super(message)
    this.name = 'AppError'
    this.code = code
    this.details = details
  }

  get status(): number {
    return errorStatus[this.code]
  }
}
