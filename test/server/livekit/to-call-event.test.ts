import '../../support/rtc-quiet.ts'
import { DisconnectReason } from '@livekit/rtc-node'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { disconnectReasons } from '../../../server/livekit/disconnect-reason.ts'
import { toReport } from '../../../server/livekit/to-call-event.ts'

const callRoom = { name: 'house.room1@call1', sid: 'RM_1', turnPassword: 'never to be seen' }
const person = {
  sid: 'PA_1',
  identity: 'ada:page1',
  state: 'ACTIVE',
  joinedAt: '1800000000',
  joinedAtMs: '1800000000123',
  permission: { canPublish: true, canSubscribe: true },
}
const joined = {
  event: 'participant_joined',
  id: 'EV_1',
  createdAt: '1800000000',
  room: callRoom,
  participant: person,
}

const bytes = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
const report = (value: unknown) => toReport(bytes(value), 'house')
const withPerson = (more: object) => ({ ...joined, participant: { ...person, ...more } })
const eventOf = (value: unknown) => {
  const translated = report(value)
  return translated.kind === 'call-event' ? translated.event : translated
}

describe('what becomes an event of a call', () => {
  test('R6 Ada is up', () => {
    expect(report(joined)).toEqual({
      kind: 'call-event',
      webhookId: 'EV_1',
      roomId: 'room1',
      name: 'participant_joined',
      event: {
        type: 'livekit.participant.joined',
        callId: 'call1',
        livekitRoomSid: 'RM_1',
        identity: 'ada:page1',
        participantSid: 'PA_1',
        state: 'ACTIVE',
        joinedAtMs: 1_800_000_000_123,
      },
    })
  })

  test('R12 Ada has left', () => {
    const left = {
      ...withPerson({ state: 'DISCONNECTED', disconnectReason: 'CLIENT_INITIATED' }),
      event: 'participant_left',
    }
    expect(eventOf(left)).toEqual({
      type: 'livekit.participant.left',
      callId: 'call1',
      livekitRoomSid: 'RM_1',
      identity: 'ada:page1',
      participantSid: 'PA_1',
      state: 'DISCONNECTED',
      joinedAtMs: 1_800_000_000_123,
      reason: 'CLIENT_INITIATED',
    })
  })

  test('R29 Ada never came up', () => {
    const aborted = {
      ...withPerson({ disconnectReason: 'JOIN_FAILURE' }),
      event: 'participant_connection_aborted',
    }
    expect(eventOf(aborted)).toMatchObject({
      type: 'livekit.participant.aborted',
      reason: 'JOIN_FAILURE',
    })
  })

  test.each([
    ['room_started', 'livekit.room.started'],
    ['room_finished', 'livekit.room.finished'],
  ])('R31 %s', (event, type) => {
    expect(report({ event, id: 'EV_2', room: callRoom })).toEqual({
      kind: 'call-event',
      webhookId: 'EV_2',
      roomId: 'room1',
      name: event,
      event: { type, callId: 'call1', livekitRoomSid: 'RM_1' },
    })
  })

  test('R28 somebody whom this server never issued is for the call to judge', () => {
    expect(eventOf(withPerson({ identity: 'no colon' }))).toMatchObject({ identity: 'no colon' })
  })

  test('nothing of the room but its name and sid goes on', () => {
    expect(JSON.stringify(report(joined))).not.toContain('never to be seen')
  })
})

describe('protojson as LiveKit writes it', () => {
  test.each([
    ['R30 no state is the first one', { state: undefined }, { state: 'JOINING' }],
    ['null is no state', { state: null }, { state: 'JOINING' }],
    ['a state by number', { state: 2 }, { state: 'ACTIVE' }],
    ['a state that does not exist', { state: 'LOST' }, { state: 'JOINING' }],
    ['a number of no state', { state: 99 }, { state: 'JOINING' }],
    ['a negative state', { state: -1 }, { state: 'JOINING' }],
    ['an integer as a number', { joinedAtMs: 5 }, { joinedAtMs: 5 }],
    [
      'an old LiveKit without milliseconds',
      { joinedAtMs: undefined },
      { joinedAtMs: 1_800_000_000_000 },
    ],
    ['no time at all', { joinedAtMs: '0', joinedAt: undefined }, { joinedAtMs: 0 }],
    ['a time before 1970', { joinedAtMs: '-5', joinedAt: undefined }, { joinedAtMs: 0 }],
    ['a kind by name', { kind: 'STANDARD' }, { identity: 'ada:page1' }],
    ['a kind by number', { kind: 0 }, { identity: 'ada:page1' }],
    ['no permission', { permission: undefined }, { identity: 'ada:page1' }],
    [
      'fields that we do not know',
      { kindDetails: [], clientProtocol: 16 },
      { identity: 'ada:page1' },
    ],
  ])('%s', (_name, more, seen) => {
    expect(eventOf(withPerson(more))).toMatchObject(seen)
  })

  test.each([
    [undefined, 'UNKNOWN_REASON'],
    ['DUPLICATE_IDENTITY', 'DUPLICATE_IDENTITY'],
    [2, 'DUPLICATE_IDENTITY'],
    [14, 'CONNECTION_TIMEOUT'],
    [99, 'UNKNOWN_REASON'],
    [-1, 'UNKNOWN_REASON'],
    ['constructor', 'UNKNOWN_REASON'],
    ['SOMETHING_NEW', 'UNKNOWN_REASON'],
  ])('the reason %s is %s', (disconnectReason, reason) => {
    const left = { ...withPerson({ disconnectReason }), event: 'participant_left' }
    expect(eventOf(left)).toMatchObject({ reason })
  })

  test('the reasons are LiveKit’s, in its order', () => {
    const theirs = Object.values(DisconnectReason).filter((name) => typeof name === 'string')
    expect(disconnectReasons.slice(0, theirs.length)).toEqual(theirs)
  })

  test('a room without a sid', () => {
    expect(eventOf({ ...joined, room: { name: callRoom.name } })).toMatchObject({
      livekitRoomSid: null,
    })
  })

  test('what Ada calls her track decides nothing', () => {
    const tracks = [{ name: `${'[{'.repeat(100)}"\\`, sid: 'TR_1' }, { name: '__proto__' }]
    expect(report(withPerson({ tracks })).kind).toBe('call-event')
  })
})

describe('what is ignored', () => {
  test.each([
    'track_published',
    'track_unpublished',
    'egress_started',
    'ingress_ended',
    'something_new',
    'constructor',
    '__proto__',
  ])('%s is no event of a call', (event) => {
    expect(report({ ...joined, event })).toEqual({
      kind: 'ignored',
      reason: 'not-a-call-event',
      event,
      roomId: 'room1',
      callId: 'call1',
      identity: 'ada:page1',
    })
  })

  test('an egress without a room', () => {
    expect(report({ event: 'egress_started', id: 'EV_1', egressInfo: {} })).toMatchObject({
      reason: 'not-a-call-event',
      roomId: null,
    })
  })

  test.each([
    'another.room1@call1',
    'house.room1',
    'house.room1@',
    'house@call1',
    'lobby',
    'house.room1@call1@call2',
    'house.ro om@call1',
    ' house.room1@call1',
    'house.room1@call1\n',
  ])('R24 the room “%s” is not ours', (name) => {
    expect(report({ ...joined, room: { ...callRoom, name } })).toMatchObject({
      kind: 'ignored',
      reason: 'foreign-room',
      roomId: null,
    })
  })

  test('R24 neither is a room without a name, nor none', () => {
    expect(report({ ...joined, room: {} })).toMatchObject({ reason: 'foreign-room' })
    expect(report({ ...joined, room: undefined })).toMatchObject({ reason: 'foreign-room' })
  })

  test.each([
    { kind: 'AGENT' },
    { kind: 'EGRESS' },
    { kind: 'INGRESS' },
    { kind: 'SIP' },
    { kind: 'CONNECTOR' },
    { kind: 4 },
    { permission: { hidden: true } },
    { permission: { recorder: true } },
    { permission: { agent: true } },
  ])('R28 %o is not a person', (more) => {
    for (const event of [
      'participant_joined',
      'participant_left',
      'participant_connection_aborted',
    ]) {
      expect(report({ ...withPerson(more), event })).toMatchObject({
        kind: 'ignored',
        reason: 'not-a-call-event',
        identity: 'ada:page1',
      })
    }
  })
})

describe('what is no report', () => {
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
  test.each<[string, unknown]>([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a list', []],
    ['a text', '"participant_joined"'],
    ['null', 'null'],
    ['no event', { ...joined, event: undefined }],
    ['an empty event', { ...joined, event: '' }],
    ['an event that is a number', { ...joined, event: 1 }],
    ['no id', { ...joined, id: undefined }],
    ['an id that is an object', { ...joined, id: {} }],
    ['an endless id', { ...joined, id: 'x'.repeat(129) }],
    ['a room that is a text', { ...joined, room: 'house.room1@call1' }],
    ['a room that is a list', { ...joined, room: [callRoom] }],
    ['a room’s name that is a number', { ...joined, room: { name: 5 } }],
    ['a room’s sid that is an object', { ...joined, room: { ...callRoom, sid: {} } }],
    ['nobody who joined', { ...joined, participant: undefined }],
    ['somebody without identity', withPerson({ identity: undefined })],
    ['somebody without sid', withPerson({ sid: '' })],
    ['an identity that is a list', withPerson({ identity: ['ada:page1'] })],
    ['an endless identity', withPerson({ identity: 'x'.repeat(513) })],
    ['a state that is an object', withPerson({ state: { ACTIVE: true } })],
    ['a state between two', withPerson({ state: 1.5 })],
    ['a time that is no number', withPerson({ joinedAtMs: 'yesterday' })],
    ['a time with a fraction', withPerson({ joinedAtMs: 1.5 })],
    ['a time in hexadecimal', withPerson({ joinedAtMs: '0x10' })],
    ['a permission that is a text', withPerson({ permission: 'all' })],
    ['hidden as a text', withPerson({ permission: { hidden: 'false' } })],
    [
      'a reason that is an object',
      { ...withPerson({ disconnectReason: {} }), event: 'participant_left' },
    ],
    ['deep nesting', `{"event":"room_started","id":"EV_1","x":${deep(32)}}`],
    ['very deep nesting', deep(100_000)],
    ['brackets that are never closed', '['.repeat(100_000)],
    [
      '__proto__',
      `{"event":"room_started","id":"EV_1","__proto__":{"room":{"name":"house.room1@call1"}}}`,
    ],
    [
      '__proto__ in other letters',
      `{"event":"room_started","id":"EV_1","room":{"\\u005f_proto__":{}}}`,
    ],
    [
      '__proto__ of a person',
      JSON.stringify(joined).replace('"permission"', '"__proto__":{},"permission"'),
    ],
    ['a constructor', { ...joined, constructor: {} }],
    ['a mark of byte order', `\ufeff${JSON.stringify(joined)}`],
  ])('%s', (_name, value) => {
    expect(report(value)).toEqual({ kind: 'malformed' })
  })

  test('bytes that are no UTF-8', () => {
    const good = bytes(joined)
    const at = good.indexOf('ada:page1')
    good[at] = 0xff
    expect(toReport(good, 'house')).toEqual({ kind: 'malformed' })
  })

  test('nesting that LiveKit could need is no harm', () => {
    expect(report(`{"event":"track_published","id":"EV_1","x":${deep(31)}}`).kind).toBe('ignored')
  })
})

test('whatever comes, there is an answer', () => {
  const field = fc.oneof(
    fc.constantFrom(...Object.values(person), ...Object.values(callRoom), ...Object.values(joined)),
    fc.jsonValue(),
  )
  const anything = fc.dictionary(
    fc.constantFrom(
      'event',
      'id',
      'room',
      'participant',
      'name',
      'sid',
      'identity',
      'state',
      'kind',
    ),
    field,
  )
  fc.assert(
    fc.property(
      fc.oneof(anything, fc.jsonValue()),
      fc.uint8Array({ maxLength: 200 }),
      (value, noise) => {
        expect(['call-event', 'ignored', 'malformed']).toContain(
          report({ ...joined, ...Object(value) }).kind,
        )
        expect(['ignored', 'malformed']).toContain(toReport(Buffer.from(noise), 'house').kind)
      },
    ),
    { numRuns: 1_000 },
  )
})
