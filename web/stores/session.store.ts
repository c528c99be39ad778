/** Who is signed in, and what the server offers. */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import type { Ref } from 'vue'
import type { User } from '../../server/protocol/wire.ts'
import { api, ApiError, type ServerConfig } from '../api/client.ts'

export type SessionState = 'starting' | 'failed' | 'signed-out' | 'signed-in'

export const sessionStore = createStore({
  context: {
    state: 'starting' as SessionState,
    me: null as User | null,
    config: null as ServerConfig | null,
    /** The server ended the session: nobody here signed out. */
    wasEnded: false,
    /** Its time was over: nobody anywhere ended it. */
    hasExpired: false,
    /** What became of the call that one was in when the session was over. */
    callAtEnd: null as 'goes-on' | 'over' | null,
  },
  on: {
    started: (context, event: { config: ServerConfig; me: User | null }) => ({
      ...context,
      state: event.me ? ('signed-in' as const) : ('signed-out' as const),
      config: event.config,
      me: event.me,
    }),
    failed: (context) => ({ ...context, state: 'failed' as const }),
    configured: (context, event: { config: ServerConfig }) => ({
      ...context,
      config: event.config,
    }),
    signedIn: (context, event: { me: User }) => ({
      ...context,
      state: 'signed-in' as const,
      me: event.me,
      wasEnded: false,
      hasExpired: false,
      callAtEnd: null,
    }),
    signedOut: (context) => ({
      ...context,
      state: 'signed-out' as const,
      me: null,
      wasEnded: false,
      hasExpired: false,
      callAtEnd: null,
    }),
    /** By its time, or from elsewhere. */
    ended: (context, event: { byTime: boolean }) => ({
      ...context,
      state: 'signed-out' as const,
      me: null,
      wasEnded: true,
      hasExpired: event.byTime,
    }),
    callAtDoor: (context, event: { call: 'goes-on' | 'over' }) => ({
      ...context,
      callAtEnd: event.call,
    }),
  },
})

/** Asks the server who this browser is. */
export async function startSession(): Promise<void> {
  try {
    const [config, me] = await Promise.all([
      api.config(),
      api.me().then(
        ({ user }) => user,
        (error: unknown) => {
          if (error instanceof ApiError && error.status === 401) return null
          throw error
        },
      ),
    ])
    sessionStore.trigger.started({ config, me })
  } catch {
    sessionStore.trigger.failed()
  }
}

/** What the server offers may change with a restart. */
export async function refreshConfig(): Promise<void> {
  try {
    sessionStore.trigger.configured({ config: await api.config() })
  } catch {
    // What it said last holds until the next time.
  }
}

export async function signOut(): Promise<void> {
  await api.signOut()
  sessionStore.trigger.signedOut()
}

export const useMe = (): Readonly<Ref<User | null>> =>
  useSelector(sessionStore, ({ context }) => context.me)
export const useSessionState = (): Readonly<Ref<SessionState>> =>
  useSelector(sessionStore, ({ context }) => context.state)
export const useSessionEnded = (): Readonly<Ref<boolean>> =>
  useSelector(sessionStore, ({ context }) => context.wasEnded)
export const useServerConfig = (): Readonly<Ref<ServerConfig | null>> =>
  useSelector(sessionStore, ({ context }) => context.config)
export const useCallAtEnd = (): Readonly<Ref<'goes-on' | 'over' | null>> =>
  useSelector(sessionStore, ({ context }) => context.callAtEnd)
/** Whether this server has calls at all; their controls are hidden otherwise (R50). */
export const useCallsEnabled = (): Readonly<Ref<boolean>> =>
  useSelector(sessionStore, ({ context }) => context.config?.calls.enabled ?? false)
