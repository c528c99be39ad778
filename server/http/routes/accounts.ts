/** Registering, signing in and out, people. */
import type { AccountService } from '../../auth/account-service.ts'
import {
  deleteMeRequest,
  loginRequest,
  meAnswer,
  registerRequest,
  sessionAnswer,
  usersAnswer,
  usersQuery,
} from '../../protocol/wire.ts'
import type { RoomViews } from '../../rooms/room-views.ts'
import { route, type Reply, type Route } from '../route.ts'
import { toCookie } from '../session-token.ts'

export interface AccountRoutesDeps {
  accounts: AccountService
  views: Pick<RoomViews, 'toUser'>
}

export function accountRoutes({ accounts, views }: AccountRoutesDeps): Route[] {
  const withCookie = (
    status: number,
    session: { user: unknown; token: string; expiresAt: number },
    secure: boolean,
  ): Reply => ({
    status,
    body: { user: session.user, token: session.token },
    headers: [['set-cookie', toCookie(session.token, session.expiresAt, secure)]],
  })

  return [
    route({
      method: 'POST',
      path: '/api/auth/register',
      who: 'anyone',
      summary: 'Make an account and sign in; the first person is admin',
      body: registerRequest,
      answers: { 201: sessionAnswer },
      handle: async ({ body, arrival }) => {
        const { displayName, setupCode, ...rest } = body
        const session = await accounts.register(
          {
            ...rest,
            ...(displayName !== undefined && { displayName }),
            ...(setupCode !== undefined && { setupCode }),
          },
          arrival.address,
        )
        return withCookie(201, session, arrival.secure)
      },
    }),
    route({
      method: 'POST',
      path: '/api/auth/login',
      who: 'anyone',
      summary: 'Sign in',
      body: loginRequest,
      answers: { 200: sessionAnswer },
      handle: async ({ body, arrival }) =>
        withCookie(200, await accounts.signIn(body, arrival.address), arrival.secure),
    }),
    route({
      method: 'POST',
      path: '/api/auth/logout',
      summary: 'End this session',
      answers: { 204: null },
      handle: async ({ me, arrival }) => {
        await accounts.signOut(me)
        return { status: 204, headers: [['set-cookie', toCookie('', 0, arrival.secure)]] }
      },
    }),
    route({
      method: 'GET',
      path: '/api/me',
      summary: 'Who is signed in',
      answers: { 200: meAnswer },
      handle: ({ me }) => Promise.resolve({ status: 200, body: { user: views.toUser(me.user) } }),
    }),
    route({
      method: 'DELETE',
      path: '/api/me',
      summary: 'Delete one’s own account, and leave every room and call',
      body: deleteMeRequest,
      answers: { 204: null },
      handle: async ({ me, body, arrival }) => {
        await accounts.deleteMe(me, body.password)
        return { status: 204, headers: [['set-cookie', toCookie('', 0, arrival.secure)]] }
      },
    }),
    route({
      method: 'GET',
      path: '/api/users',
      summary: 'Find people by login or name',
      query: usersQuery,
      answers: { 200: usersAnswer },
      handle: async ({ query }) => ({
        status: 200,
        body: { users: await accounts.search(query.query) },
      }),
    }),
    route({
      method: 'DELETE',
      path: '/api/users/:userId',
      who: 'admin',
      summary: 'Delete somebody’s account',
      answers: { 204: null },
      handle: async ({ me, param }) => {
        await accounts.deleteUser(me, param('userId'))
        return { status: 204 }
      },
    }),
  ]
}
