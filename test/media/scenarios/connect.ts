/** Coming and going, without media. */
import { expect } from 'vitest'
import type { Path } from '../media-person.ts'
import { came, went, type Scenario } from './scenario.ts'

const connectAndLeave = (path: Path): Scenario => ({
  name: `Ada joins over ${path}, is listed, and hangs up`,
  async run(call) {
    const ada = await call.join('ada', { path })
    expect(ada.sid).toMatch(/^PA_\w{12}$/)
    expect(await ada.room.getSid()).toMatch(/^RM_\w{12}$/)
    expect(ada.room.name).toBe(call.room)
    await call.media.webhooks.untilLine(call.room, came('ada'))
    const { rooms } = call.media
    const [room] = await rooms.listRooms([call.room])
    expect(room).toMatchObject({
      name: call.room,
      sid: await ada.room.getSid(),
      emptyTimeout: 30,
      departureTimeout: 1,
      metadata: '',
      activeRecording: false,
    })
    const person = await rooms.getParticipant(call.room, 'ada')
    expect(person).toMatchObject({ identity: 'ada', sid: ada.sid, state: 2, tracks: [] })
    expect(await rooms.listParticipants(call.room)).toHaveLength(1)
    await ada.leave()
    await call.media.webhooks.untilLine(call.room, went('ada'))
    expect(await rooms.listParticipants(call.room)).toEqual([])
    expect(ada.log).toEqual(['disconnected CLIENT_INITIATED'])
  },
  reports: ['room_started', came('ada'), went('ada'), 'room_finished'],
})

export const connectScenarios: Scenario[] = [
  connectAndLeave('v0'),
  connectAndLeave('v1'),
  {
    name: 'Ada and Bo see each other come and go',
    async run(call) {
      const ada = await call.join('ada')
      await call.media.webhooks.untilLine(call.room, came('ada'))
      const bo = await call.join('bo', { path: 'v0' })
      await ada.untilLog('bo came')
      expect(bo.others()).toEqual(['ada'])
      await call.media.webhooks.untilLine(call.room, came('bo'))
      await bo.leave()
      await ada.untilLog('bo went')
      await ada.leave()
      expect(ada.log).toEqual(['bo came', 'bo went', 'disconnected CLIENT_INITIATED'])
      expect(bo.log).toEqual(['disconnected CLIENT_INITIATED'])
    },
    reports: ['room_started', came('ada'), came('bo'), went('bo'), went('ada'), 'room_finished'],
  },
]
