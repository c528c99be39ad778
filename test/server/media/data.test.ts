/** Data between people on the embedded media server: packets, text streams, calls of procedures. */
import '../../support/rtc-quiet.ts'
import { RoomEvent } from '@livekit/rtc-node'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { startMediaCarrier, type MediaCarrier } from '../../support/media-carrier.ts'
import { disposeRtc, joinAsPerson, type RtcPerson } from '../../support/rtc-person.ts'
import { until } from '../../support/until.ts'

let carrier: MediaCarrier
const people: RtcPerson[] = []

async function enter(identity: string, e2eeKey?: string): Promise<RtcPerson> {
  const token = await carrier.token(identity, 'lounge')
  const secret = e2eeKey === undefined ? {} : { e2eeKey }
  const person = await joinAsPerson({ livekitUrl: carrier.url, token, ...secret })
  people.push(person)
  return person
}

function collect({ room }: RtcPerson): string[] {
  const got: string[] = []
  room.on(RoomEvent.DataReceived, (bytes, from, _kind, topic) => {
    got.push(`${from?.identity ?? '?'} ${topic ?? ''} ${new TextDecoder().decode(bytes)}`)
  })
  return got
}

function me({ room }: RtcPerson) {
  if (!room.localParticipant) throw new Error('not connected')
  return room.localParticipant
}

afterEach(async () => {
  await Promise.all(people.splice(0).map((person) => person.leave()))
  expect(carrier.warnings).toEqual([])
  await carrier.close()
})
afterAll(disposeRtc)

describe.each([
  { connections: 'one peer connection', isOld: false },
  { connections: 'two peer connections', isOld: true },
])('with $connections', ({ isOld }) => {
  test('Ada’s packets reach everybody, or only whom she names, in order', async () => {
    carrier = await startMediaCarrier({ isOld })
    const [ada, bo, cleo] = [await enter('ada'), await enter('bo'), await enter('cleo')]
    const [atAda, atBo, atCleo] = [collect(ada), collect(bo), collect(cleo)]
    const send = (text: string, destination_identities: string[] = []) =>
      me(ada).publishData(new TextEncoder().encode(text), {
        reliable: true,
        topic: 'chat',
        destination_identities,
      })
    for (let index = 0; index < 20; index += 1) await send(`to all ${index}`)
    await send('to Cleo', ['cleo'])
    await send('last')
    const all = Array.from({ length: 20 }, (_, index) => `ada chat to all ${index}`)
    await until('both have the last', 10_000, () =>
      [atBo, atCleo].every((got) => got.includes('ada chat last')),
    )
    expect(atBo).toEqual([...all, 'ada chat last'])
    expect(atCleo).toEqual([...all, 'ada chat to Cleo', 'ada chat last'])
    expect(atAda).toEqual([])
  })

  test('a long text arrives whole, encrypted', async () => {
    carrier = await startMediaCarrier({ isOld })
    const [ada, bo] = [await enter('ada', 'secret'), await enter('bo', 'secret')]
    const text = 'A text of some length, much longer than one packet. '.repeat(2_000)
    let got = ''
    bo.room.registerTextStreamHandler('notes', (reader) => {
      void reader.readAll().then((all) => {
        got = all
      })
    })
    await me(ada).sendText(text, { topic: 'notes' })
    await until('Bo has it all', 15_000, () => got === text)
  })

  test('Ada asks Bo’s side and gets the answer', async () => {
    carrier = await startMediaCarrier({ isOld })
    const [ada, bo] = [await enter('ada'), await enter('bo')]
    me(bo).registerRpcMethod('greet', (call) =>
      Promise.resolve(`hello ${call.callerIdentity}: ${call.payload}`),
    )
    const answer = await me(ada).performRpc({
      destinationIdentity: 'bo',
      method: 'greet',
      payload: 'good day',
    })
    expect(answer).toBe('hello ada: good day')
  })
})
