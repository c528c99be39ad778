// @vitest-environment happy-dom
import { expect, test } from 'vitest'
import { followSignIn } from '../../../web/voice-session/page-events.ts'
import type { VoiceSession } from '../../../web/voice-session/voice-session.types.ts'
import { sessionStore } from '../../../web/stores/session.store.ts'

const user = (login: string) => ({ id: login, login, displayName: login, admin: false })
const config = { name: 'Chatto', version: '1', calls: { enabled: true } }

/** The page of a tab: what its voice session is told while somebody is in a call or not. */
const told: string[] = []
let isInCall = false
const session = {
  actor: {
    getSnapshot: () => ({ matches: (state: string) => isInCall && state === 'connected' }),
    send: ({ type }: { type: string }) => told.push(type),
  },
  comeBack: () => told.push('come back'),
  refreshKey: () => Promise.resolve(told.push('ask for the key')),
} as unknown as VoiceSession
followSignIn(session, sessionStorage)

const callAtEnd = () => sessionStore.getSnapshot().context.callAtEnd

function adaIsSignedIn(inCall: boolean): void {
  isInCall = false
  sessionStore.trigger.signedOut()
  sessionStore.trigger.started({ config, me: user('ada') })
  isInCall = inCall
  told.length = 0
}

test('a session that is over by its time takes no call away; who signs in again is in it, with its present key', () => {
  adaIsSignedIn(true)
  sessionStore.trigger.ended({ byTime: true })
  expect(told).toEqual([])
  expect(callAtEnd()).toBe('goes-on')
  sessionStore.trigger.signedIn({ me: user('ada') })
  expect(told).toEqual(['ask for the key'])
  expect(callAtEnd()).toBeNull()
})

test('somebody else at the same door does not get into that call', () => {
  adaIsSignedIn(true)
  sessionStore.trigger.ended({ byTime: true })
  sessionStore.trigger.signedIn({ me: user('bo') })
  expect(told).toEqual(['leave.requested'])
})

test('a session that somebody ended takes its call with it, and the door says so', () => {
  adaIsSignedIn(true)
  sessionStore.trigger.ended({ byTime: false })
  expect(told).toEqual(['leave.requested'])
  expect(callAtEnd()).toBe('over')
})

test('who was in no call reads of none', () => {
  adaIsSignedIn(false)
  sessionStore.trigger.ended({ byTime: true })
  expect(callAtEnd()).toBeNull()
})
