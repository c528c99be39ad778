import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  parseLivekitRoomName,
  toLivekitRoomName,
} from '../../../server/livekit/livekit-room-name.ts'

const id = fc.stringMatching(/^[A-Za-z0-9_-]{1,64}$/)

test('R24 a name says which call of which room of which installation', () => {
  const parts = { installationId: 'house', roomId: 'room1', callId: 'call1' }
  expect(toLivekitRoomName(parts)).toBe('house.room1@call1')
  expect(parseLivekitRoomName('house.room1@call1')).toEqual(parts)
})

test('R24 every name that is made is understood again, and no two are alike', () => {
  fc.assert(
    fc.property(id, id, id, (installationId, roomId, callId) => {
      const parts = { installationId, roomId, callId }
      expect(parseLivekitRoomName(toLivekitRoomName(parts))).toEqual(parts)
    }),
  )
})

test('R24 what is understood is spelled exactly so', () => {
  fc.assert(
    fc.property(fc.string(), fc.constantFrom('', 'a.b@c'), (text, start) => {
      const parts = parseLivekitRoomName(start + text)
      if (parts) expect(toLivekitRoomName(parts)).toBe(start + text)
    }),
  )
})
