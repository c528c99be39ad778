/** No socket is forgotten and no commit missed, whatever happens at the same time (R48). */
import { afterEach, beforeEach, test } from 'vitest'
import { openStore } from '../../../persistence/open-store.ts'
import { runApp, type RunningApp } from '../../support/running-app.ts'
import { until } from '../../support/until.ts'

const metricsToken = 'of tests'
let app: RunningApp
/** Held back while it is set: the rooms that a welcome tells of. */
let held: Promise<void> | null
let waiting: number
/** While it is set this process hears nothing of its commits, as if another one made them. */
let isElsewhere: boolean
beforeEach(async () => {
  held = null
  waiting = 0
  isElsewhere = false
  app = await runApp({
    env: { CHATTO_METRICS_TOKEN: metricsToken },
    wrapFanOut: (fanOut) => ({
      ...fanOut,
      committed(...args) {
        if (!isElsewhere) fanOut.committed(...args)
      },
      roomChanged(room) {
        if (!isElsewhere) fanOut.roomChanged(room)
      },
    }),
    open: async (url) => {
      const store = await openStore(url)
      const listOf = store.rooms.listOf.bind(store.rooms)
      store.rooms.listOf = async (userId) => {
        const list = await listOf(userId)
        waiting++
        await held
        return list
      }
      return store
    },
  })
})
afterEach(() => app.close())

test('R48 Bo’s page comes back before its first socket is gone: it still learns of a room that he gains', async () => {
  const [ada, bo] = [await app.signUp('ada'), await app.signUp('bo')]
  const first = await bo.live()

  let release = (): void => undefined
  held = new Promise((resolve) => (release = resolve))
  waiting = 0
  const opening = bo.live()
  await until('the second socket reads its rooms', 5_000, () => waiting > 0)
  await first.close()
  await until('the first socket is forgotten', 5_000, async () =>
    /^chatto_live_sockets 1$/m.test(
      (await app.ask('GET', '/metrics', { headers: { authorization: `Bearer ${metricsToken}` } }))
        .text,
    ),
  )
  release()
  const second = await opening

  const secret = await ada.makeRoom('Secret', 'private')
  await ada.ask('PUT', `/api/rooms/${secret.id}/members/${bo.id}`)
  await second.until('room', ({ room }) => room.id === secret.id)
})

test('R48 Bo gains a room by another process, and this one commits there before it looks: he is told', async () => {
  const [ada, bo] = [await app.signUp('ada'), await app.signUp('bo')]
  const his = await bo.live()
  isElsewhere = true
  const secret = await ada.makeRoom('Secret', 'private')
  await ada.ask('PUT', `/api/rooms/${secret.id}/members/${bo.id}`)
  isElsewhere = false
  await ada.say(secret, 'here')
  // Ada’s own page makes this process watch the room from now on only.
  await ada.live()
  await his.until('room', ({ room }) => room.id === secret.id)
})

test('R48 a room gets its name from another process, and this one commits there before it looks: Bo is told', async () => {
  const [ada, bo] = [await app.signUp('ada'), await app.signUp('bo')]
  const room = await ada.makeRoom('Old name')
  await bo.enter(room)
  const his = await bo.live()
  isElsewhere = true
  await ada.ask('PATCH', `/api/rooms/${room.id}`, { name: 'New name' })
  isElsewhere = false
  await ada.say(room, 'here')
  await his.until('room', ({ room: { name } }) => name === 'New name')
})
