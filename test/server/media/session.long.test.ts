/** How people's sessions on the embedded media server go on, are taken over and end. */
import { DisconnectReason, SignalRequest, SignalResponse } from '@livekit/protocol'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { verifyMediaToken } from '../../../server/media/api/media-token.ts'
import {
  mediaKeys,
  startMediaCarrier,
  type MediaCarrier,
  type MediaCarrierOptions,
} from '../../support/media-carrier.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../../support/rtc-person.ts'
import { until } from '../../support/until.ts'

const key = 'the key of the call'
let carrier: MediaCarrier
const people: RtcPerson[] = []

async function enter(identity: string): Promise<RtcPerson> {
  const token = await carrier.token(identity, 'lounge')
  const person = await joinAsPerson({ livekitUrl: carrier.url, token, e2eeKey: key })
  people.push(person)
  return person
}

async function meet(options: MediaCarrierOptions): Promise<[RtcPerson, RtcPerson]> {
  carrier = await startMediaCarrier(options)
  const ada = await enter('ada')
  const bo = await enter('bo')
  await Promise.all([ada.playTone(440), ada.showPicture(), bo.playTone(880)])
  await Promise.all([bo.untilHears('ada', 440), bo.untilPictures('ada', 3)])
  return [ada, bo]
}

const sidOf = (identity: string) => carrier.server.rooms.participant('lounge', identity)?.sid
const eventsOf = (identity: string) =>
  carrier.events
    .filter(({ participant, track }) => participant?.identity === identity && !track)
    .map(({ event, participant }) => {
      const reason = participant?.disconnectReason ?? 0
      return reason ? `${event} ${DisconnectReason[reason]}` : event
    })

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.leave().catch(() => undefined)))
  expect(carrier.warnings).toEqual([])
  await carrier.close()
})
afterAll(disposeRtc)

describe.each([
  { connections: 'one peer connection', isOld: false },
  { connections: 'two peer connections', isOld: true },
])('with $connections', ({ isOld }) => {
  test('everybody’s signalling is cut: sound goes on, and they resume as who they were', async () => {
    const [ada, bo] = await meet({ isOld })
    const before = [sidOf('ada'), sidOf('bo')]
    const connects = carrier.requests.length
    carrier.cutSockets()
    await until('both are back', 10_000, () => carrier.requests.length >= connects + 2)
    await bo.untilPictures('ada', 15)
    await Promise.all([bo.untilHears('ada', 440), ada.untilHears('bo', 880)])
    // What is negotiated after the resume works, too.
    await bo.showPicture()
    await ada.untilPictures('bo', 10)
    expect([sidOf('ada'), sidOf('bo')]).toEqual(before)
    expect(eventsOf('ada')).toEqual(['participant_joined'])
  })

  test('who joined and who left while Ada’s signalling was away is known to her afterwards', async () => {
    const [ada, bo] = await meet({ isOld })
    carrier.cutSockets()
    carrier.server.rooms.remove('lounge', 'bo')
    const cleo = await enter('cleo')
    await until('Ada knows', 10_000, () => ada.others().join() === 'cleo')
    await cleo.untilPictures('ada', 5)
    expect(bo.identity).toBe('bo')
  })

  test('Ada comes in by a second device: the first is told so and its tracks go', async () => {
    const [ada, bo] = await meet({ isOld })
    const first = sidOf('ada')
    const again = await enter('ada')
    expect(await ada.untilDisconnected()).toBe('DUPLICATE_IDENTITY')
    expect(sidOf('ada')).not.toBe(first)
    await again.playTone(660)
    await bo.untilHears('ada', 660)
    expect(eventsOf('ada')).toEqual([
      'participant_joined',
      'participant_left DUPLICATE_IDENTITY',
      'participant_joined',
    ])
  })

  test('Bo is removed and hears why; Ada stays', async () => {
    const [ada, bo] = await meet({ isOld })
    expect(carrier.server.rooms.remove('lounge', 'bo')).toBe(true)
    expect(await bo.untilDisconnected()).toBe('PARTICIPANT_REMOVED')
    await until('Ada is alone', 5_000, () => ada.others().length === 0)
    expect(eventsOf('bo')).toEqual(['participant_joined', 'participant_left PARTICIPANT_REMOVED'])
    expect(carrier.server.rooms.remove('lounge', 'bo')).toBe(false)
  })

  test('the room is deleted: everybody hears why, and it is over at once', async () => {
    const [ada, bo] = await meet({ isOld })
    expect(carrier.server.rooms.delete('lounge')).toBe(true)
    expect(await Promise.all([ada.untilDisconnected(), bo.untilDisconnected()])).toEqual([
      'ROOM_DELETED',
      'ROOM_DELETED',
    ])
    expect(carrier.events.at(-1)?.event).toBe('room_finished')
    expect(carrier.server.rooms.list([])).toEqual([])
    expect(carrier.server.rooms.delete('lounge')).toBe(false)
  })

  test('the server mutes Ada’s microphone and Bo sees it', async () => {
    const [ada, bo] = await meet({ isOld })
    const tracks = carrier.server.rooms.participant('lounge', 'ada')?.tracks ?? []
    const microphone = tracks.find(({ mimeType }) => mimeType === 'audio/opus')
    const muted = carrier.server.rooms.mute('lounge', 'ada', microphone?.sid ?? '', true)
    expect(muted?.muted).toBe(true)
    await until('Bo sees it', 5_000, () => bo.isMuted('ada') === true)
    await until('Bo hears nothing', 5_000, () => !bo.hears('ada', 440))
    expect(ada.disconnectReason).toBe(null)
  })
})

test('the carrier of signalling goes away and comes back: nobody is lost', async () => {
  const [ada, bo] = await meet({})
  carrier.server.carrierAway()
  carrier.cutSockets()
  await bo.untilPictures('ada', 10)
  carrier.server.carrierBack()
  const connects = carrier.requests.length
  await until('both resume', 10_000, () => carrier.requests.length >= connects)
  await ada.untilHears('bo', 880)
  expect(eventsOf('ada')).toEqual(['participant_joined'])
  expect(eventsOf('bo')).toEqual(['participant_joined'])
})

test('a ninth is refused, and the eight stay', async () => {
  carrier = await startMediaCarrier({ maxParticipants: 2 })
  await enter('ada')
  await enter('bo')
  await expect(enter('cleo')).rejects.toThrow()
  expect(carrier.server.rooms.participants('lounge').map(({ identity }) => identity)).toEqual([
    'ada',
    'bo',
  ])
  // Ada's second device takes her own place.
  await enter('ada')
  expect(carrier.server.rooms.list(['lounge'])[0]?.numParticipants).toBe(2)
})

test('a bad token and one without the grant to join do not get in', async () => {
  carrier = await startMediaCarrier()
  await expect(joinAsPerson({ livekitUrl: carrier.url, token: 'no.token.this' })).rejects.toThrow()
  const token = await carrier.token('ada', 'lounge', { roomJoin: false })
  await expect(joinAsPerson({ livekitUrl: carrier.url, token })).rejects.toThrow()
  expect(carrier.server.rooms.list([])).toEqual([])
})

test('a room that nobody enters is over after its time', async () => {
  carrier = await startMediaCarrier()
  carrier.server.rooms.create({ name: 'empty', emptyTimeout: 1 })
  expect(carrier.server.rooms.list(['empty'])[0]?.numParticipants).toBe(0)
  await carrier.untilEvent('room_finished')
  expect(carrier.server.rooms.list([])).toEqual([])
})

test('Ada’s machine dies without a word: she is gone after the silence, with LiveKit’s reason', async () => {
  carrier = await startMediaCarrier({ times: { silenceTimeoutMs: 5_000 } })
  const bo = await enter('bo')
  const script = fileURLToPath(new URL('../../support/rtc-crash.ts', import.meta.url))
  const args = ['--import', 'tsx', script, carrier.url, await carrier.token('ada', 'lounge')]
  const ada = spawn(process.execPath, args, { stdio: 'ignore' })
  try {
    await bo.untilHears('ada', 440)
  } finally {
    ada.kill('SIGKILL')
  }
  const killedAt = Date.now()
  await carrier.untilEvent('participant_left', 'ada')
  expect(Date.now() - killedAt).toBeGreaterThan(3_000)
  expect(eventsOf('ada')).toEqual(['participant_joined', 'participant_left CONNECTION_TIMEOUT'])
  await until('Bo is alone', 5_000, () => bo.others().length === 0)
})

describe('signalling without media', () => {
  async function signal(identity: string, query = '') {
    const token = await carrier.token(identity, 'lounge')
    const verdict = verifyMediaToken(token, { ...mediaKeys, now: Date.now() })
    if (!verdict.ok) throw new Error(verdict.why)
    const told: SignalResponse['message'][] = []
    const session = carrier.server.connect(
      { path: '/rtc', query, grants: verdict.grants },
      {
        send: (frame) => told.push(SignalResponse.fromBinary(frame).message),
        close: () => undefined,
      },
    )
    return { told, session }
  }

  test('that ends was an aborted connection, at once', async () => {
    carrier = await startMediaCarrier()
    const ada = await signal('ada')
    expect(carrier.server.rooms.participant('lounge', 'ada')?.state).toBe(1)
    ada.session.closed()
    expect(eventsOf('ada')).toEqual(['participant_connection_aborted SIGNAL_CLOSE'])
  })

  test('that lasts too long is ended, and says why', async () => {
    carrier = await startMediaCarrier({ times: { joinTimeoutMs: 500 } })
    const ada = await signal('ada')
    await carrier.untilEvent('participant_connection_aborted', 'ada')
    expect(eventsOf('ada')).toEqual(['participant_connection_aborted JOIN_FAILURE'])
    expect(ada.told.at(-1)?.case).toBe('leave')
  })

  test('is answered: pings, and a token for the way back', async () => {
    carrier = await startMediaCarrier()
    const { told, session } = await signal('ada')
    expect(told.map((message) => message.case)).toEqual(['join', 'refreshToken', 'offer'])
    const fresh = told[1]?.case === 'refreshToken' ? told[1].value : ''
    const verdict = verifyMediaToken(fresh, { ...mediaKeys, now: Date.now() })
    expect(verdict.ok && verdict.grants.identity).toBe('ada')
    expect(verdict.ok && (verdict.grants.expiresAt ?? 0) - Date.now()).toBeGreaterThan(590_000)
    const ping = new SignalRequest({ message: { case: 'pingReq', value: { timestamp: 5n } } })
    session.receive(ping.toBinary())
    const pong = told.at(-1)
    expect(pong?.case === 'pongResp' && pong.value.lastPingTimestamp).toBe(5n)
    session.closed()
  })

  test('that wants back into a session nobody knows is told to begin anew', async () => {
    carrier = await startMediaCarrier()
    const { told } = await signal('ada', 'reconnect=1&sid=PA_nobody')
    expect(told.map((message) => message.case)).toEqual(['leave'])
    const leave = told[0]?.case === 'leave' ? told[0].value : undefined
    expect(leave).toMatchObject({ reason: DisconnectReason.STATE_MISMATCH, action: 2 })
    expect(carrier.server.rooms.list([])).toEqual([])
  })
})
