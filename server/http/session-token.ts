/** Where a session's token is: in the cookie for browsers, in `Authorization` for other clients. */
import { parse, serialize } from 'cookie'

export const sessionCookie = 'chatto_session'

export interface PresentedToken {
  token: string
  /** Sent by a browser by itself: then the Origin must be there and fit. */
  byCookie: boolean
}

export function findToken(cookieHeader: string, authorization: string): PresentedToken | undefined {
  const bearer = findBearer(authorization)
  if (bearer !== undefined) return { token: bearer, byCookie: false }
  const token = cookieHeader === '' ? undefined : parse(cookieHeader)[sessionCookie]
  return token ? { token, byCookie: true } : undefined
}

export function findBearer(authorization: string): string | undefined {
  return /^bearer /i.test(authorization) ? authorization.slice('bearer '.length).trim() : undefined
}

/** `expiresAt` 0 takes the cookie away. */
export function toCookie(token: string, expiresAt: number, secure: boolean): string {
  return serialize(sessionCookie, token, {
    httpOnly: true,
    sameSite: 'lax',
    path: '/',
    secure,
    expires: new Date(expiresAt),
  })
}
