import { DisconnectReason } from '@livekit/protocol'
import { createActor } from 'xstate'
import { describe, expect, test } from 'vitest'
import type {
  ChangeCause,
  VoiceSessionEffect,
  VoiceSessionEvent,
} from '../../machines/voice-session.events.ts'
import { voiceSessionMachine } from '../../machines/voice-session.machine.ts'
import {
  afterDisconnect,
  endings,
  failures,
  isFailure,
  isRefusal,
  outcomeOf,
  refusals,
  type DisconnectName,
  type Standing,
} from '../../machines/voice-session.reasons.ts'

const start = 1_000_000

/** Ada's page, told step by step. */
function tellPage() {
  const actor = createActor(voiceSessionMachine, {
    input: { timing: { giveUpMs: 60_000, retryDelaysMs: [0, 500, 1000] } },
  })
  const effects: VoiceSessionEffect[] = []
  actor.on('*', (effect) => effects.push(effect))
  actor.start()
  const page = {
    get value() {
      return actor.getSnapshot().value
    },
    get context() {
      return actor.getSnapshot().context
    },
    /** What was asked for since the last look. */
    asked: () => effects.splice(0),
    tell(event: VoiceSessionEvent) {
      actor.send(event)
      return page
    },
    now: () => actor.getSnapshot().context.attempt,
    click(roomId = 'release', connectionId = 'a1') {
      return page.tell({
        type: 'join.requested',
        roomId,
        connectionId,
        wishes: { microphone: true, camera: false },
        expectedCallId: null,
        at: start,
      })
    },
    reload(wishes = { microphone: false, camera: true }) {
      return page.tell({
        type: 'join.requested',
        roomId: 'release',
        connectionId: 'a2',
        wishes,
        expectedCallId: 'call1',
        at: start,
      })
    },
    pass: () => page.tell({ type: 'check.passed', attempt: page.now() }),
    answer: (callId = 'call1', connectionId = 'a1') =>
      page.tell({
        type: 'join.answered',
        attempt: page.now(),
        roomId: 'release',
        callId,
        connectionId,
      }),
    refuse: (reason: (typeof refusals)[number] | (typeof failures)[number] | 'call-ended') =>
      page.tell({ type: 'join.refused', attempt: page.now(), reason }),
    up: () => page.tell({ type: 'livekit.connected', attempt: page.now() }),
    lose: (reason: DisconnectName, standing: Standing = 'in-call', at = start) =>
      page.tell({ type: 'livekit.disconnected', attempt: page.now(), reason, standing, at }),
    retry: (at = start) => page.tell({ type: 'retry.due', at }),
    microphone: (published: boolean, cause: ChangeCause = 'asked') =>
      page.tell({ type: 'microphone.changed', published, cause }),
    camera: (published: boolean, cause: ChangeCause = 'asked') =>
      page.tell({ type: 'camera.changed', published, cause }),
    screen: (published: boolean, cause: ChangeCause = 'asked') =>
      page.tell({ type: 'screen.changed', published, cause }),
  }
  return page
}

const connected = () => {
  const page = tellPage().click().pass().answer().up().microphone(true)
  page.asked()
  return page
}

const inCall = (
  microphone: string,
  { camera = 'off', screen = 'off', media = 'ok' }: Record<string, string> = {},
) => ({ connected: { microphone, camera, screen, media } })

const place = { roomId: 'release', callId: 'call1', connectionId: 'a1' }

describe('joining', () => {
  test('Ada joins: the check comes before the join, the join before LiveKit, the microphone last', () => {
    const page = tellPage().click()
    expect(page.value).toBe('checking')
    expect(page.pass().value).toBe('asking')
    expect(page.answer().value).toBe('connecting')
    expect(page.up().value).toEqual(inCall('pending'))
    expect(page.microphone(true).value).toEqual(inCall('on'))
    expect(page.asked()).toEqual([
      { type: 'check', attempt: 1, roomId: 'release', expectedCallId: null },
      { type: 'ask', attempt: 2, roomId: 'release', connectionId: 'a1', expectedCallId: null },
      { type: 'connect', attempt: 2 },
      { type: 'set.microphone', enabled: true },
    ])
  })

  test('R44 a browser that cannot encrypt is refused before anything is sent', () => {
    const page = tellPage().click()
    page.tell({ type: 'check.failed', attempt: page.now(), why: 'cannot-encrypt' })
    expect(page.value).toBe('refused')
    expect(page.context.reason).toBe('cannot-encrypt')
    expect(page.asked().map(({ type }) => type)).toEqual(['check', 'release'])
  })

  test.each([...refusals])(
    'R11 a join that is refused as %s is over, with its reason',
    (reason) => {
      const page = tellPage().click().pass().refuse(reason)
      expect(page.value).toBe('refused')
      expect(page.context.reason).toBe(reason)
    },
  )

  test.each([...failures])('a join that fails as %s can be tried again', (reason) => {
    const page = tellPage().click().pass().refuse(reason)
    expect(page.value).toBe('failed')
    expect(page.context.reason).toBe(reason)
    expect(page.click('release', 'a2').value).toBe('checking')
    expect(page.context).toMatchObject({ reason: null, connectionId: 'a2' })
  })

  test('R4 the call ended while Ada asked: that is said', () => {
    const page = tellPage().click().pass().refuse('call-ended')
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('call-ended')
  })

  test.each(['livekit-unreachable', 'media-blocked'] as const)(
    'R54 %s while joining: our server is told that Ada is not in the call, and why',
    (reason) => {
      const page = tellPage().click().pass().answer()
      page.asked()
      page.tell({ type: 'livekit.failed', attempt: page.now(), reason })
      expect(page.value).toBe('failed')
      expect(page.context.reason).toBe(reason)
      expect(page.asked()).toEqual([
        { type: 'tell.leave', place, failed: reason },
        { type: 'release' },
      ])
    },
  )

  test('R18 the connection id that the server gives counts, not the one that was asked for', () => {
    const page = tellPage().click().pass().answer('call1', 'fresh')
    expect(page.context.connectionId).toBe('fresh')
  })

  test('what Ada chooses while she joins is done when she is in', () => {
    const page = tellPage().click().pass()
    page.tell({ type: 'microphone.wanted', enabled: false })
    page.tell({ type: 'camera.wanted', enabled: true })
    page.answer().up()
    expect(page.value).toEqual(inCall('off', { camera: 'pending' }))
    expect(page.asked().at(-1)).toEqual({ type: 'set.camera', enabled: true })
  })
})

describe('leaving', () => {
  test('R16 Ada hangs up: one effect does it in order, and then nothing is left', () => {
    const page = connected().tell({ type: 'leave.requested' })
    expect(page.value).toBe('leaving')
    expect(page.asked()).toEqual([{ type: 'hang.up', place }])
    page.tell({ type: 'left' })
    expect(page.value).toBe('idle')
    expect(page.context).toMatchObject({ roomId: null, callId: null, connectionId: null })
    expect(page.asked()).toEqual([{ type: 'release' }])
  })

  test('R16 a join that Ada gave up is idle at once, and left on the server when it is answered', () => {
    const page = tellPage().click().pass()
    const late = page.now()
    page.asked()
    page.tell({ type: 'leave.requested' })
    expect(page.value).toBe('idle')
    expect(page.context).toMatchObject({ roomId: null, callId: null, connectionId: null })
    expect(page.asked()).toEqual([{ type: 'release' }])
    page.tell({ type: 'join.answered', attempt: late, ...place })
    expect(page.value).toBe('idle')
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }])
  })

  test('R16 a join that was given up and then refused leaves nothing behind', () => {
    const page = tellPage().click().pass().tell({ type: 'leave.requested' })
    page.asked()
    expect(page.refuse('server-unreachable').value).toBe('idle')
    expect(page.asked()).toEqual([])
  })

  test('R16 Ada gave up and joined again: the late answer to her first click is left, the second one goes on', () => {
    const page = tellPage().click('release', 'a1').pass()
    const first = page.now()
    page.tell({ type: 'leave.requested' }).click('release', 'a2').pass()
    page.asked()
    page.tell({ type: 'join.answered', attempt: first, ...place })
    expect(page.value).toBe('asking')
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }])
    page.answer('call1', 'a2').up().microphone(true)
    page.asked()
    page.tell({ type: 'join.answered', attempt: first, ...place })
    expect(page.value).toEqual(inCall('on'))
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }])
  })

  test('R16 a join that was never answered in time has failed; its late answer is left', () => {
    const page = tellPage().click().pass().refuse('server-unreachable')
    expect(page.value).toBe('failed')
    page.asked()
    page.answer()
    expect(page.value).toBe('failed')
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }])
  })

  test('R12 a late answer to an earlier try of the connection that Ada is in does not take her out', () => {
    const page = connected().lose('UNKNOWN_REASON').retry()
    const late = page.now()
    page.refuse('server-unreachable').retry().answer().up()
    page.asked()
    page.tell({ type: 'join.answered', attempt: late, ...place })
    expect(page.value).toEqual(inCall('pending'))
    expect(page.asked()).toEqual([])
  })

  test('R16 given up while LiveKit is being reached: idle at once, and our server is told', () => {
    const page = tellPage().click().pass().answer()
    page.asked()
    expect(page.tell({ type: 'leave.requested' }).value).toBe('idle')
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }, { type: 'release' }])
  })

  test('given up before anything was sent: nothing is told', () => {
    const page = tellPage().click().tell({ type: 'leave.requested' })
    expect(page.value).toBe('idle')
    expect(page.asked().map(({ type }) => type)).toEqual(['check', 'release'])
  })

  test('R12 answers of an earlier attempt change nothing', () => {
    const page = tellPage().click().pass()
    const late = page.now()
    page.refuse('server-unreachable').click('release', 'a2').pass()
    page.asked()
    page.tell({ type: 'join.answered', attempt: late, ...place, connectionId: 'a2' })
    expect(page.value).toBe('asking')
    expect(page.asked()).toEqual([])
    page.answer('call1', 'a2')
    page.tell({ type: 'livekit.connected', attempt: late })
    expect(page.value).toBe('connecting')
  })
})

describe('microphone and camera', () => {
  test('F10 the microphone shows what is published, not what was clicked', () => {
    const page = connected().tell({ type: 'microphone.wanted', enabled: false })
    expect(page.value).toEqual(inCall('pending'))
    expect(page.asked()).toEqual([{ type: 'set.microphone', enabled: false }])
    expect(page.microphone(false).value).toEqual(inCall('off'))
  })

  test('F10 an answer to an older click does not show what is not wanted any more', () => {
    const page = connected().tell({ type: 'microphone.wanted', enabled: false })
    page.tell({ type: 'microphone.wanted', enabled: true })
    expect(page.microphone(false).value).toEqual(inCall('pending'))
    expect(page.microphone(true).value).toEqual(inCall('on'))
    expect(page.asked()).toEqual([
      { type: 'set.microphone', enabled: false },
      { type: 'set.microphone', enabled: true },
    ])
  })

  test('F10 what LiveKit mutes by itself is followed, and stays so over a return', () => {
    const page = connected().microphone(false, 'device')
    expect(page.value).toEqual(inCall('off'))
    page.lose('SERVER_SHUTDOWN').retry().answer().up()
    expect(page.value).toEqual(inCall('off'))
  })

  test.each(['denied', 'missing', 'busy', 'failed'] as const)(
    'F21 a microphone that is %s keeps Ada in the call, and is asked again on a click',
    (trouble) => {
      const page = tellPage().click().pass().answer().up()
      page.tell({ type: 'microphone.failed', trouble })
      expect(page.value).toEqual(inCall('refused'))
      expect(page.context).toMatchObject({
        microphoneTrouble: trouble,
        wishes: { microphone: false },
      })
      page.tell({ type: 'microphone.wanted', enabled: true })
      expect(page.value).toEqual(inCall('pending'))
      expect(page.context.microphoneTrouble).toBeNull()
    },
  )

  test('F21 the camera is not asked for before it is turned on', () => {
    const page = tellPage().click().pass().answer().up().microphone(true)
    expect(page.asked().some(({ type }) => type === 'set.camera')).toBe(false)
    page.tell({ type: 'camera.wanted', enabled: true })
    page.tell({ type: 'camera.failed', trouble: 'busy' })
    expect(page.value).toEqual(inCall('on', { camera: 'refused' }))
    expect(page.context.cameraTrouble).toBe('busy')
    page.tell({ type: 'camera.wanted', enabled: true })
    page.camera(true)
    expect(page.value).toEqual(inCall('on', { camera: 'on' }))
    page.camera(false, 'device')
    expect(page.value).toEqual(inCall('on'))
  })

  test('F15 a share ends from the browser’s own bar; one that fails keeps the call', () => {
    const page = connected().tell({ type: 'screen.wanted', enabled: true })
    page.screen(true)
    expect(page.value).toEqual(inCall('on', { screen: 'on' }))
    page.screen(false, 'device')
    expect(page.value).toEqual(inCall('on'))
    page.tell({ type: 'screen.wanted', enabled: true })
    page.tell({ type: 'screen.failed', trouble: 'denied' })
    expect(page.value).toEqual(inCall('on'))
    expect(page.context.screenTrouble).toBe('denied')
  })
})

describe('coming back', () => {
  test('F18 LiveKit’s own reconnecting shows, and nothing else moves', () => {
    const page = connected()
    page.tell({ type: 'livekit.reconnecting', attempt: page.now() })
    expect(page.value).toEqual(inCall('on', { media: 'reconnecting' }))
    page.tell({ type: 'livekit.reconnected', attempt: page.now() })
    expect(page.value).toEqual(inCall('on'))
  })

  test('F19 LiveKit restarts: Ada comes back by herself into the same call, by the same connection', () => {
    const page = connected().lose('SERVER_SHUTDOWN')
    expect(page.value).toEqual({ returning: 'waiting' })
    expect(page.asked()).toEqual([
      { type: 'announce', what: 'lost' },
      { type: 'wait', delayMs: 0 },
    ])
    page.retry()
    expect(page.asked()).toMatchObject([
      { type: 'ask', roomId: 'release', connectionId: 'a1', expectedCallId: 'call1' },
    ])
    page.answer().up()
    expect(page.value).toEqual(inCall('pending'))
    expect(page.asked().map((effect) => effect.type)).toEqual([
      'connect',
      'announce',
      'set.microphone',
    ])
    expect(page.context).toMatchObject({ lostAt: null, tries: 0 })
  })

  test('F19 the pauses between tries grow, and end in giving up, which our server is told', () => {
    const page = connected().lose('UNKNOWN_REASON')
    const delays = () =>
      page.asked().flatMap((effect) => (effect.type === 'wait' ? [effect.delayMs] : []))
    expect(delays()).toEqual([0])
    page.retry(start + 1).refuse('server-unreachable')
    expect(delays()).toEqual([500])
    page.retry(start + 2).answer()
    page.tell({ type: 'livekit.failed', attempt: page.now(), reason: 'livekit-unreachable' })
    expect(delays()).toEqual([1000])
    page.retry(start + 3).refuse('server-unreachable')
    expect(delays()).toEqual([1000])
    page.retry(start + 60_001)
    expect(page.value).toBe('failed')
    expect(page.context.reason).toBe('gave-up')
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }, { type: 'release' }])
  })

  test('F19 a page that was frozen for an hour tries when it wakes', () => {
    const page = connected().lose('CLIENT_INITIATED')
    page.tell({ type: 'page.resumed', at: start + 3_600_000 })
    expect(page.value).toEqual({ returning: 'asking' })
    page.refuse('server-unreachable').retry(start + 3_600_001)
    expect(page.value).toEqual({ returning: 'asking' })
  })

  test('F19 the network is back: the next try does not wait', () => {
    const page = connected().lose('SIGNAL_CLOSE')
    expect(page.tell({ type: 'network.online', at: start + 9 }).value).toEqual({
      returning: 'asking',
    })
  })

  test('R15 the call ended meanwhile: Ada gives up rather than start another one', () => {
    const page = connected().lose('UNKNOWN_REASON').retry().refuse('call-ended')
    expect(page.value).toBe('failed')
    expect(page.context.reason).toBe('gave-up')
  })

  test('R15 the answer names another call: it is left at once', () => {
    const page = connected().lose('UNKNOWN_REASON').retry()
    page.asked()
    page.answer('call2')
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('call-ended')
    expect(page.asked()).toEqual([
      { type: 'tell.leave', place: { ...place, callId: 'call2' } },
      { type: 'release' },
    ])
  })

  test('Ada can hang up while she is being brought back', () => {
    const waiting = connected().lose('UNKNOWN_REASON').tell({ type: 'leave.requested' })
    expect(waiting.value).toBe('leaving')
    const asking = connected().lose('UNKNOWN_REASON').retry().tell({ type: 'leave.requested' })
    expect(asking.value).toBe('idle')
    expect(asking.asked().slice(-2)).toEqual([{ type: 'tell.leave', place }, { type: 'release' }])
  })

  test('muting while one is being brought back holds', () => {
    const page = connected().lose('UNKNOWN_REASON')
    page.tell({ type: 'microphone.wanted', enabled: false }).retry().answer().up()
    expect(page.value).toEqual(inCall('off'))
  })

  test('F19 a reload comes back with the same microphone and camera', () => {
    const page = tellPage().reload().pass().answer('call1', 'a2').up()
    expect(page.value).toEqual(inCall('off', { camera: 'pending' }))
    expect(page.asked()).toMatchObject([
      { type: 'check', expectedCallId: 'call1' },
      { type: 'ask', connectionId: 'a2', expectedCallId: 'call1' },
      { type: 'connect' },
      { type: 'set.camera', enabled: true },
    ])
  })

  test('F19 a duplicated tab stays out of the call without a word', () => {
    const page = tellPage().reload()
    page.tell({ type: 'check.failed', attempt: page.now(), why: 'nothing-to-return-to' })
    expect(page.value).toBe('idle')
    expect(page.context).toMatchObject({ reason: null, callId: null })
  })

  test('a membership that went while away ends it', () => {
    const page = connected().lose('UNKNOWN_REASON').retry().refuse('not-a-member')
    expect(page.value).toBe('refused')
    expect(page.context.reason).toBe('not-a-member')
  })
})

describe('what a loss leaves behind is nobody’s wish', () => {
  const allOn = () => {
    const page = connected().tell({ type: 'camera.wanted', enabled: true }).camera(true)
    page.asked()
    return page
  }

  test('F19 LiveKit’s client unpublishes on its way out: Ada comes back with microphone and camera', () => {
    const page = allOn()
    page.tell({ type: 'livekit.reconnecting', attempt: page.now() })
    page.microphone(false, 'loss').camera(false, 'loss')
    expect(page.context.wishes).toEqual({ microphone: true, camera: true })
    page.lose('UNKNOWN_REASON').retry().answer().up()
    expect(page.value).toEqual(inCall('pending', { camera: 'pending' }))
    expect(page.asked().slice(-2)).toEqual([
      { type: 'set.microphone', enabled: true },
      { type: 'set.camera', enabled: true },
    ])
  })

  test('F19 a repaired connection that carries them no more: both are opened again', () => {
    const page = allOn().microphone(false, 'loss').camera(false, 'loss')
    expect(page.value).toEqual(inCall('pending', { camera: 'pending' }))
    expect(page.asked()).toEqual([
      { type: 'set.microphone', enabled: true },
      { type: 'set.camera', enabled: true },
    ])
    expect(page.microphone(true).camera(true).value).toEqual(inCall('on', { camera: 'on' }))
  })

  test('F19 lost again while the microphone opens: it is asked for once more', () => {
    const page = connected().lose('UNKNOWN_REASON').retry().answer().up()
    page.asked()
    page.microphone(false, 'loss')
    expect(page.asked()).toEqual([{ type: 'set.microphone', enabled: true }])
    expect(page.value).toEqual(inCall('pending'))
  })

  test.each(['SERVER_SHUTDOWN', 'UNKNOWN_REASON', 'MEDIA_FAILURE', 'CLIENT_INITIATED'] as const)(
    'F19 who was muted is never live after %s',
    (reason) => {
      const page = allOn()
      page.tell({ type: 'microphone.wanted', enabled: false }).microphone(false)
      page.tell({ type: 'camera.wanted', enabled: false }).camera(false)
      page.asked()
      page.lose(reason).retry().answer().up()
      expect(page.value).toEqual(inCall('off'))
      expect(page.asked().some(({ type }) => type.startsWith('set.'))).toBe(false)
    },
  )

  test('F19 muted by a device or by LiveKit, one stays so after a loss', () => {
    const page = allOn().microphone(false, 'device').camera(false, 'device')
    page.lose('UNKNOWN_REASON').retry().answer().up()
    expect(page.value).toEqual(inCall('off'))
  })

  test.each(['loss', 'device', 'asked'] as const)(
    'F10 what is live although Ada muted it (%s) is closed again',
    (cause) => {
      const page = connected()
      page.tell({ type: 'microphone.wanted', enabled: false }).microphone(false)
      page.asked()
      page.microphone(true, cause).camera(true, cause)
      expect(page.asked()).toEqual([
        { type: 'set.microphone', enabled: false },
        { type: 'set.camera', enabled: false },
      ])
      expect(page.microphone(false).camera(false).value).toEqual(inCall('off'))
    },
  )

  test('F15 a screen that a short loss leaves published, or brings back, shows as shared', () => {
    const page = connected().tell({ type: 'screen.wanted', enabled: true }).screen(true)
    expect(page.screen(true, 'loss').value).toEqual(inCall('on', { screen: 'on' }))
    page.screen(false, 'device').screen(true, 'device')
    expect(page.value).toEqual(inCall('on', { screen: 'on' }))
    page.asked()
    page.tell({ type: 'screen.wanted', enabled: false })
    expect(page.asked()).toEqual([{ type: 'set.screen', enabled: false }])
  })

  test('F15 a screen that a loss took is told of, once: on return, or at once when the call stood', () => {
    const shares = () => {
      const page = connected().tell({ type: 'screen.wanted', enabled: true }).screen(true)
      page.asked()
      return page
    }
    const said = (page: ReturnType<typeof tellPage>) =>
      page.asked().flatMap((effect) => (effect.type === 'announce' ? [effect.what] : []))

    const stood = shares().screen(false, 'loss')
    expect(said(stood)).toEqual(['screen-lost'])

    const page = shares().lose('UNKNOWN_REASON').retry().answer().up()
    expect(page.value).toEqual(inCall('pending'))
    expect(said(page)).toEqual(['lost', 'back-without-screen'])
    page.microphone(true).lose('UNKNOWN_REASON').retry().answer().up()
    expect(said(page)).toEqual(['lost', 'back'])
  })

  test('F15 a screen that Ada or her browser stopped is no loss', () => {
    for (const cause of ['asked', 'device'] as const) {
      const page = connected().tell({ type: 'screen.wanted', enabled: true }).screen(true)
      page.screen(false, cause)
      page.lose('UNKNOWN_REASON').retry().answer().up()
      expect(page.asked()).toContainEqual({ type: 'announce', what: 'back' })
    }
  })

  test('F19 the network is back while LiveKit’s client waits: Ada joins anew at once, unless she shares', () => {
    const online: VoiceSessionEvent = { type: 'network.online', at: start + 9 }
    const page = allOn()
    expect(page.tell(online).value).toEqual(inCall('on', { camera: 'on' }))
    page.tell({ type: 'livekit.reconnecting', attempt: page.now() }).tell(online)
    expect(page.value).toEqual({ returning: 'asking' })
    expect(page.asked()).toMatchObject([{ type: 'ask', expectedCallId: 'call1' }])
    page.answer().up()
    expect(page.value).toEqual(inCall('pending', { camera: 'pending' }))

    const sharing = allOn().tell({ type: 'screen.wanted', enabled: true }).screen(true)
    sharing.tell({ type: 'livekit.reconnecting', attempt: sharing.now() }).tell(online)
    expect(sharing.value).toEqual(
      inCall('on', { camera: 'on', screen: 'on', media: 'reconnecting' }),
    )
  })
})

describe('LiveKit lets go', () => {
  const all = Object.entries(DisconnectReason).filter(
    (entry): entry is [DisconnectName, DisconnectReason] => typeof entry[1] === 'number',
  )

  test('every reason that LiveKit knows has its consequence', () => {
    expect(all.map(([name]) => name).toSorted()).toEqual(Object.keys(afterDisconnect).toSorted())
    expect(all.map(([, number]) => Number(number))).toEqual([...Array(17).keys()])
  })

  const expected: Record<DisconnectName, string> = {
    UNKNOWN_REASON: 'returning',
    CLIENT_INITIATED: 'returning',
    DUPLICATE_IDENTITY: 'moved-to-another-device',
    SERVER_SHUTDOWN: 'returning',
    PARTICIPANT_REMOVED: 'moved-to-another-device',
    ROOM_DELETED: 'call-ended',
    STATE_MISMATCH: 'returning',
    JOIN_FAILURE: 'returning',
    MIGRATION: 'returning',
    SIGNAL_CLOSE: 'returning',
    ROOM_CLOSED: 'call-ended',
    USER_UNAVAILABLE: 'gave-up',
    USER_REJECTED: 'gave-up',
    SIP_TRUNK_FAILURE: 'gave-up',
    CONNECTION_TIMEOUT: 'returning',
    MEDIA_FAILURE: 'returning',
    AGENT_ERROR: 'returning',
  }

  test.each(all.map(([name]) => name))('%s leads where the table says', (name) => {
    const page = connected().lose(name)
    const { value, context } = page
    if (expected[name] === 'returning') expect(value).toEqual({ returning: 'waiting' })
    else {
      expect(context.reason).toBe(expected[name])
      expect(value).toBe(expected[name] === 'gave-up' ? 'failed' : 'ended')
    }
  })

  test.each([
    ['in-call', 'moved-to-another-device'],
    ['not-in-call', 'removed'],
    ['call-over', 'call-ended'],
    ['room-gone', 'room-gone'],
  ] as const)('R9 R18 removed from LiveKit while our server says %s: %s', (standing, reason) => {
    const page = connected().lose('PARTICIPANT_REMOVED', standing)
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe(reason)
    expect(page.asked()).toEqual([{ type: 'release' }])
  })

  test('a LiveKit room that somebody deleted: our server is told that Ada is out', () => {
    const page = connected().lose('ROOM_DELETED', 'in-call')
    expect(page.asked()).toEqual([{ type: 'tell.leave', place }, { type: 'release' }])
  })

  test('R9 the device that took over is not told to leave', () => {
    const page = connected().lose('DUPLICATE_IDENTITY')
    expect(page.asked()).toEqual([{ type: 'release' }])
  })

  test('only the three that need it ask our server', () => {
    const asking = all.filter(([name]) => afterDisconnect[name] === 'ask-our-server')
    expect(asking.map(([name]) => name)).toEqual([
      'PARTICIPANT_REMOVED',
      'ROOM_DELETED',
      'ROOM_CLOSED',
    ])
    for (const [name] of asking) {
      for (const standing of ['in-call', 'not-in-call', 'call-over', 'room-gone'] as const) {
        expect(outcomeOf(name, standing).is).toBe('over')
      }
    }
  })

  test('a disconnect of an earlier LiveKit connection changes nothing', () => {
    const page = connected()
    page.tell({
      type: 'livekit.disconnected',
      attempt: page.now() - 1,
      reason: 'DUPLICATE_IDENTITY',
      standing: 'in-call',
      at: start,
    })
    expect(page.value).toEqual(inCall('on'))
  })
})

describe('our server speaks', () => {
  test('R19 the call ended: Ada is out, with its reason', () => {
    const page = connected().tell({ type: 'call.over', callId: 'call1', reason: 'call-ended' })
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('call-ended')
  })

  test('R25 the end of an older call changes nothing', () => {
    const page = connected().tell({ type: 'call.over', callId: 'call0', reason: 'call-ended' })
    expect(page.value).toEqual(inCall('on'))
  })

  test('R18 the room is gone: Ada is out; another room’s end is not hers', () => {
    const page = connected().tell({ type: 'room.gone', roomId: 'design' })
    expect(page.value).toEqual(inCall('on'))
    page.tell({ type: 'room.gone', roomId: 'release' })
    expect(page.value).toBe('ended')
    expect(page.context.reason).toBe('room-gone')
  })

  test('R50 calls are turned off in mid-call', () => {
    const page = connected().tell({ type: 'call.over', callId: 'call1', reason: 'calls-off' })
    expect(page.context.reason).toBe('calls-off')
  })
})

describe('what does not belong', () => {
  const events: VoiceSessionEvent[] = [
    { type: 'leave.requested' },
    { type: 'dismissed' },
    { type: 'microphone.wanted', enabled: false },
    { type: 'camera.wanted', enabled: true },
    { type: 'screen.wanted', enabled: true },
    { type: 'check.passed', attempt: 99 },
    { type: 'check.failed', attempt: 99, why: 'cannot-encrypt' },
    {
      type: 'join.answered',
      attempt: 99,
      roomId: 'release',
      callId: 'call9',
      connectionId: 'x',
    },
    { type: 'join.refused', attempt: 99, reason: 'call-full' },
    { type: 'left' },
    { type: 'retry.due', at: start },
    { type: 'livekit.connected', attempt: 99 },
    { type: 'livekit.failed', attempt: 99, reason: 'media-blocked' },
    { type: 'livekit.reconnecting', attempt: 99 },
    { type: 'livekit.reconnected', attempt: 99 },
    {
      type: 'livekit.disconnected',
      attempt: 99,
      reason: 'ROOM_DELETED',
      standing: 'call-over',
      at: start,
    },
    { type: 'microphone.changed', published: true, cause: 'device' },
    { type: 'microphone.failed', trouble: 'denied' },
    { type: 'camera.changed', published: true, cause: 'device' },
    { type: 'camera.failed', trouble: 'denied' },
    { type: 'screen.changed', published: true, cause: 'device' },
    { type: 'screen.failed', trouble: 'denied' },
    { type: 'call.over', callId: 'call9', reason: 'call-ended' },
    { type: 'room.gone', roomId: 'elsewhere' },
    { type: 'page.resumed', at: start },
    { type: 'network.online', at: start },
  ]

  const legal: Record<string, { page: () => ReturnType<typeof tellPage>; takes: string[] }> = {
    idle: { page: () => tellPage(), takes: [] },
    checking: {
      page: () => tellPage().click(),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    asking: {
      page: () => tellPage().click().pass(),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    connecting: {
      page: () => tellPage().click().pass().answer(),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    'connected, all on': {
      page: () =>
        connected()
          .tell({ type: 'camera.wanted', enabled: true })
          .camera(true)
          .tell({ type: 'screen.wanted', enabled: true })
          .screen(true),
      takes: ['leave.requested', 'microphone.wanted', 'microphone.failed', 'camera.failed'],
    },
    'returning, waiting': {
      page: () => connected().lose('UNKNOWN_REASON'),
      takes: [
        'leave.requested',
        'retry.due',
        'page.resumed',
        'network.online',
        'microphone.wanted',
        'camera.wanted',
      ],
    },
    'returning, asking': {
      page: () => connected().lose('UNKNOWN_REASON').retry(),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    'returning, connecting': {
      page: () => connected().lose('UNKNOWN_REASON').retry().answer(),
      takes: ['leave.requested', 'microphone.wanted', 'camera.wanted'],
    },
    leaving: { page: () => connected().tell({ type: 'leave.requested' }), takes: ['left'] },
    refused: { page: () => tellPage().click().pass().refuse('call-full'), takes: ['dismissed'] },
    failed: { page: () => tellPage().click().pass().refuse('gave-up'), takes: ['dismissed'] },
    ended: { page: () => tellPage().click().pass().refuse('call-ended'), takes: ['dismissed'] },
  }

  test.each(Object.keys(legal))('while %s, every other event is ignored', (name) => {
    const { page: create, takes } = legal[name]!
    for (const event of events) {
      const page = create()
      page.asked()
      const before = { value: page.value, context: page.context }
      page.tell(event)
      const isSame =
        JSON.stringify({ value: page.value, context: page.context }) === JSON.stringify(before)
      const did = isSame && page.asked().length === 0 ? 'ignored' : 'taken'
      // R16: what is answered too late is left, whatever the session does meanwhile.
      const isTaken = takes.includes(event.type) || event.type === 'join.answered'
      expect(`${event.type}: ${did}`).toBe(`${event.type}: ${isTaken ? 'taken' : 'ignored'}`)
    }
  })

  test('a second click on Join changes nothing while the first is under way', () => {
    for (const page of [tellPage().click(), tellPage().click().pass(), connected()]) {
      const before = page.value
      page.asked()
      expect(page.click('design', 'a9').value).toEqual(before)
      expect(page.context.roomId).toBe('release')
      expect(page.asked()).toEqual([])
    }
  })
})

test('every reason is of one kind', () => {
  for (const reason of refusals)
    expect([isRefusal(reason), isFailure(reason)]).toEqual([true, false])
  for (const reason of failures)
    expect([isRefusal(reason), isFailure(reason)]).toEqual([false, true])
  for (const reason of endings)
    expect([isRefusal(reason), isFailure(reason)]).toEqual([false, false])
})
