/** Data packets, text streams and calls of methods between clients. */
import { randomBytes } from 'node:crypto'
import { RpcError } from '@livekit/rtc-node'
import { expect } from 'vitest'
import type { MediaPerson, ReceivedData } from '../media-person.ts'
import { until } from '../../support/until.ts'
import { came, went, type Scenario } from './scenario.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

const threeCameAndWent = [
  'room_started',
  came('ada'),
  came('bo'),
  came('cleo'),
  went('ada'),
  went('bo'),
  went('cleo'),
  'room_finished',
]

async function three(call: Parameters<Scenario['run']>[0], e2eeKey: string | null) {
  const people: MediaPerson[] = []
  for (const [identity, path] of [
    ['ada', 'v1'],
    ['bo', 'v0'],
    ['cleo', 'v1'],
  ] as const) {
    people.push(await call.join(identity, { path, e2eeKey }))
    await call.media.webhooks.untilLine(call.room, came(identity))
  }
  const [a, b, c] = people
  if (!a || !b || !c) throw new Error('three people')
  await until('Ada knows the others', 10_000, () => a.others().length === 2)
  await until('Bo knows the others', 10_000, () => b.others().length === 2)
  return { a, b, c }
}

const arrives = (person: MediaPerson, data: ReceivedData) =>
  until(`${person.identity} gets “${data.text}”`, 5_000, () =>
    person.data.some(({ text }) => text === data.text),
  )

export const dataScenarios: Scenario[] = [
  {
    name: 'Ada’s encrypted data reaches everybody but her, in order, and says nothing to Eve without the key',
    async run(call) {
      const { a, b, c } = await three(call, call.e2eeKey)
      const eve = await call.join('eve', { e2eeKey: randomBytes(32).toString('base64') })
      await call.media.webhooks.untilLine(call.room, came('eve'))
      const sent: ReceivedData[] = []
      for (let i = 1; i <= 20; i += 1) {
        const text = `line ${i}`
        await a.me().publishData(bytes(text), { reliable: true, topic: 'chat' })
        sent.push({ from: 'ada', text, topic: 'chat', kind: 'reliable' })
      }
      for (const person of [b, c]) {
        await until(`${person.identity} has all`, 5_000, () => person.data.length >= sent.length)
        expect(person.data).toEqual(sent)
      }
      const lossy = { from: 'bo', text: 'level', topic: 'levels', kind: 'lossy' } as const
      await b.me().publishData(bytes(lossy.text), { reliable: false, topic: lossy.topic })
      for (const person of [a, c]) {
        await arrives(person, lossy)
        expect(person.data.at(-1)).toEqual(lossy)
      }
      expect(b.data).toEqual(sent)
      expect(eve.data).toEqual([])
    },
    reports: [
      ...threeCameAndWent.slice(0, 4),
      came('eve'),
      ...threeCameAndWent.slice(4, 7),
      went('eve'),
      'room_finished',
    ],
  },
  {
    name: 'Ada’s plain data for Cleo reaches Cleo only',
    async run(call) {
      const { a, b, c } = await three(call, null)
      const secret: ReceivedData = {
        from: 'ada',
        text: 'for Cleo',
        topic: 'chat',
        kind: 'reliable',
      }
      const open = { ...secret, text: 'for all' }
      await a.me().publishData(bytes(secret.text), {
        reliable: true,
        topic: 'chat',
        destination_identities: ['cleo'],
      })
      await a.me().publishData(bytes(open.text), { reliable: true, topic: 'chat' })
      await Promise.all([arrives(b, open), arrives(c, open)])
      expect(b.data).toEqual([open])
      expect(c.data).toEqual([secret, open])
    },
    reports: threeCameAndWent,
  },
  {
    name: 'Ada streams a long text, encrypted, and calls a method of Bo’s page',
    async run(call) {
      const { a, b, c } = await three(call, call.e2eeKey)
      const texts: { to: string; from: string; text: string; attributes: unknown }[] = []
      for (const person of [b, c]) {
        person.room.registerTextStreamHandler('notes', (reader, { identity }) => {
          void (async () => {
            const text = await reader.readAll()
            const { attributes } = reader.info
            texts.push({ to: person.identity, from: identity, text, attributes })
          })()
        })
      }
      // Several chunks, and not to be compressed away.
      const long = Array.from({ length: 8_000 }, (_, i) => (i * 7919).toString(36)).join(' ')
      await a.me().sendText(long, { topic: 'notes', attributes: { language: 'none' } })
      await until('both have the text', 10_000, () => texts.length === 2)
      expect(texts.toSorted((x, y) => x.to.localeCompare(y.to))).toEqual(
        ['bo', 'cleo'].map((to) => ({
          to,
          from: 'ada',
          text: long,
          attributes: { language: 'none' },
        })),
      )

      b.me().registerRpcMethod('greet', async ({ callerIdentity, payload }) => {
        if (payload === 'nothing') throw new RpcError(1999, 'nothing to greet', 'details')
        return `${callerIdentity} says ${payload}`
      })
      const ask = (destinationIdentity: string, method: string, payload: string) =>
        a.me().performRpc({ destinationIdentity, method, payload, responseTimeout: 5_000 })
      expect(await ask('bo', 'greet', 'hello')).toBe('ada says hello')
      await expect(ask('bo', 'greet', 'nothing')).rejects.toMatchObject({
        code: 1999,
        message: 'nothing to greet',
        data: 'details',
      })
      await expect(ask('bo', 'unknown', '')).rejects.toMatchObject({
        code: RpcError.ErrorCode.UNSUPPORTED_METHOD,
      })
    },
    reports: threeCameAndWent,
  },
]
