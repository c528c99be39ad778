// @vitest-environment happy-dom
import { flushPromises, mount } from '@vue/test-utils'
import { afterEach, expect, test, vi } from 'vitest'
import { effectScope, nextTick, ref } from 'vue'
import { createMemoryHistory, createRouter } from 'vue-router'
import RoomElsewhere from '../../../web/components/room/RoomElsewhere.vue'
import { useFind } from '../../../web/composables/use-find.ts'
import { room, user } from './made.ts'

const answers = (byPath: Record<string, () => Response>) =>
  vi.stubGlobal('fetch', (path: string) => {
    const answer = Object.entries(byPath).find(([start]) => path.startsWith(start))?.[1]
    return answer ? Promise.resolve(answer()) : Promise.reject(new Error('offline'))
  })
const away = () => new Response('', { status: 503 })

afterEach(() => void vi.unstubAllGlobals())

test('a search that the server did not answer says so, keeps what came, and can be tried again', async () => {
  answers({ '/api/users': () => Response.json({ users: [user('gus')] }), '/api/rooms': away })
  const query = ref('g')
  const scope = effectScope()
  const { found, again } = scope.run(() => useFind(query)) ?? expect.unreachable()
  await again()
  expect(found.value).toMatchObject({ isFailed: true, rooms: [] })
  expect(found.value.people.map(({ id }) => id)).toEqual(['gus'])
  answers({
    '/api/users': () => Response.json({ users: [] }),
    '/api/rooms': () => Response.json({ rooms: [room('Garden')] }),
  })
  await again()
  expect(found.value).toMatchObject({ isFailed: false, people: [] })
  expect(found.value.rooms.map(({ name }) => name)).toEqual(['Garden'])
  scope.stop()
})

const Nothing = { template: '<i />' }
const router = createRouter({
  history: createMemoryHistory(),
  routes: [
    { path: '/', name: 'home', component: Nothing },
    { path: '/rooms/:roomId', name: 'room', component: Nothing },
  ],
})
async function elsewhere() {
  const shown = mount(RoomElsewhere, {
    props: { roomId: 'garden' },
    global: { plugins: [router], stubs: { BackButton: true } },
  })
  await flushPromises()
  return shown
}

test('a room that the server did not answer for is not said to be none, and is looked for again', async () => {
  answers({ '/api/rooms': away })
  const shown = await elsewhere()
  expect(shown.text()).toContain('The room could not be loaded')
  answers({ '/api/rooms': () => Response.json(room('Garden')) })
  await shown.find('main button').trigger('click')
  await flushPromises()
  await nextTick()
  expect(shown.text()).toContain('You are not in this room yet')
})

test('a room that is none says so', async () => {
  answers({
    '/api/rooms': () =>
      Response.json({ error: { code: 'not-found', message: '', details: {} } }, { status: 404 }),
  })
  expect((await elsewhere()).text()).toContain('No such room')
})
