// @vitest-environment happy-dom
import { mount } from '@vue/test-utils'
import { beforeEach, expect, test } from 'vitest'
import { createMemoryHistory, createRouter } from 'vue-router'
import RoomRow from '../../../web/components/list/RoomRow.vue'
import { namesStore } from '../../../web/stores/names.store.ts'
import type { RoomEntry } from '../../../web/stores/rooms.store.ts'
import { callWith, room } from './made.ts'

const Nothing = { template: '<i />' }
const router = createRouter({
  history: createMemoryHistory(),
  routes: [
    { path: '/', component: Nothing },
    { path: '/rooms/:roomId', name: 'room', component: Nothing },
  ],
})

beforeEach(() => {
  const users = ['Ada', 'Bo', 'Cleo', 'Dara', 'Eve'].map((displayName) => ({
    id: displayName.toLowerCase(),
    displayName,
  }))
  namesStore.trigger.learnt({ users })
})

function row(shown: RoomEntry, isHere = false) {
  return mount(RoomRow, {
    props: { room: shown, isHere, isStop: true },
    global: { plugins: [router] },
  })
}

test('F2 the row says the call, the faces of the first three and how many more', () => {
  const shown = row(
    room('Release', { call: callWith(['ada', 'bo', 'cleo', 'dara', 'eve']), unread: 3 }),
  )
  expect(shown.attributes('aria-label')).toBe('Release, call with 5 people, 3 unread')
  expect(shown.findAll('.avatar').map((face) => face.text())).toEqual(['A', 'B', 'C'])
  expect(shown.find('.more').text()).toBe('+2')
  expect(shown.classes()).toEqual(expect.arrayContaining(['calling', 'unread']))
})

test('F2 a call with one person, and the one that I am in', () => {
  expect(row(room('Design', { call: callWith(['ada']) })).attributes('aria-label')).toBe(
    'Design, call with 1 person',
  )
  const here = row(room('Design', { call: callWith(['ada', 'bo', 'cleo']) }), true)
  expect(here.attributes('aria-label')).toBe('Design, you are in the call with 2 others')
  expect(here.classes()).toContain('here')
})

test('a quiet room is just its name', () => {
  const quiet = row(room('Standup'))
  expect(quiet.attributes('aria-label')).toBe('Standup')
  expect(quiet.find('.stack').exists()).toBe(false)
})
