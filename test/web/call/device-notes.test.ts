// @vitest-environment happy-dom
import { beforeEach, expect, test } from 'vitest'
import { createActor, fromPromise, waitFor } from 'xstate'
import type { Checked, JoinOutcome } from '../../../machines/voice-session.events.ts'
import { voiceSessionMachine } from '../../../machines/voice-session.machine.ts'
import type { JoinInput } from '../../../machines/voice-session.setup.ts'
import { showNews, showTroubles } from '../../../web/voice-session/show-news.ts'
import {
  dismissToast,
  dismissToastsAbout,
  showToast,
  toastsStore,
} from '../../../web/stores/toasts.store.ts'

const shown = () => toastsStore.getSnapshot().context.toasts
const texts = () => shown().map(({ text }) => text)

beforeEach(() => {
  for (const { id } of shown()) dismissToast(id)
})

/** Ada is in a call, with a microphone that another program has. */
async function busyMicrophone() {
  const actor = createActor(
    voiceSessionMachine.provide({
      actors: {
        check: fromPromise<Checked, JoinInput>(() => Promise.resolve('may-join')),
        join: fromPromise<JoinOutcome, JoinInput>(() =>
          Promise.resolve({ callId: 'c', connectionId: 'k' }),
        ),
        connect: fromPromise(() => Promise.resolve()),
      },
    }),
    { input: undefined },
  )
  showTroubles(actor)
  actor.start()
  actor.send({
    type: 'join.requested',
    roomId: 'garden',
    connectionId: 'k',
    wishes: { microphone: true, camera: false },
    expectedCallId: null,
  })
  await waitFor(actor, (snapshot) => snapshot.matches('connected'))
  actor.send({ type: 'microphone.failed', trouble: 'busy' })
  return actor
}

test('a note about the microphone goes when it works, and what waited behind it shows', async () => {
  const actor = await busyMicrophone()
  showToast({ text: 'Bo is in the room now' })
  expect(texts()).toEqual(['Another program is using your microphone.', 'Bo is in the room now'])
  actor.send({ type: 'microphone.wanted', enabled: true })
  actor.send({ type: 'microphone.changed', published: true, cause: 'asked' })
  expect(texts()).toEqual(['Bo is in the room now'])
})

test('a second failure is told again', async () => {
  const actor = await busyMicrophone()
  actor.send({ type: 'microphone.wanted', enabled: true })
  expect(texts()).toEqual([])
  actor.send({ type: 'microphone.failed', trouble: 'busy' })
  expect(texts()).toEqual(['Another program is using your microphone.'])
})

test('no note about a device outlives the call', async () => {
  const actor = await busyMicrophone()
  actor.send({ type: 'camera.wanted', enabled: true })
  actor.send({ type: 'camera.failed', trouble: 'denied' })
  actor.send({ type: 'screen.wanted', enabled: true })
  actor.send({ type: 'screen.failed', trouble: 'denied' })
  expect(shown().map(({ about }) => about)).toEqual(['microphone', 'camera', 'screen'])
  actor.send({ type: 'call.over', callId: 'c', reason: 'call-ended' })
  expect(texts()).toEqual(['The call ended.'])
})

test('a device that does not open while another one is used: the reason, and what is used', async () => {
  const actor = await busyMicrophone()
  dismissToastsAbout('microphone')
  showNews({ type: 'device.failed', kind: 'microphone', trouble: 'busy' }, actor)
  showNews({ type: 'device.failed', kind: 'camera', trouble: 'missing' }, actor)
  showNews({ type: 'device.failed', kind: 'speaker', trouble: 'busy' }, actor)
  expect(shown().map(({ text, detail }) => [text, detail])).toEqual([
    ['Another program is using your microphone.', 'You speak through another one.'],
    ['The camera did not start.', 'You are seen through another one.'],
    ['The speaker did not start.', 'You hear through another one.'],
  ])
})
