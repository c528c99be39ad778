import { expect, test } from 'vitest'
import { matches, peopleInCalls, toSections } from '../../../web/stores/room-list.ts'
import { faceColour, faceLetter } from '../../../web/components/ui/face-colour.ts'
import { peopleOfRoom } from '../../../web/components/side/people-of-room.ts'
import { callWith, room, user } from './made.ts'

test('F2 rooms and people stand apart, by name, whatever happens in them', () => {
  const rooms = [room('Workshop'), room('commons', { unread: 9 }), room('Bo', { kind: 'dm' })]
  const { rooms: list, people } = toSections(rooms, '')
  expect(list.map(({ name }) => name)).toEqual(['commons', 'Workshop'])
  expect(people.map(({ name }) => name)).toEqual(['Bo'])
})

test('who looks for a name need not write its accents', () => {
  expect(matches('Café Zürich', 'cafe zu')).toBe(true)
  expect(matches('Release', ' LEASE ')).toBe(true)
  expect(matches('Release', 'x')).toBe(false)
})

test('F5 somebody is in a call when they are in one of my rooms', () => {
  const rooms = [
    room('A', { call: callWith(['ada']) }),
    room('B'),
    room('C', { call: callWith(['bo']) }),
  ]
  expect([...peopleInCalls(rooms)]).toEqual(['ada', 'bo'])
})

test('F3 those in the call come first, in the order of their coming, who is still joining last', () => {
  const call = callWith(['cleo', 'ada', 'bo'])
  const first = call.participants[0]
  if (first) first.state = 'joining'
  const members = ['ada', 'bo', 'cleo', 'eve', 'dara'].map(user)
  const { inCall, others } = peopleOfRoom(members, call, 'eve')
  expect(inCall.map(({ person }) => person.id)).toEqual(['ada', 'bo', 'cleo'])
  // The owner leads those who are not in it.
  expect(others.map(({ id }) => id)).toEqual(['eve', 'dara'])
})

test('every colour of a face is used, about equally, and a person keeps theirs', () => {
  const counts = new Map<number, number>()
  for (let at = 0; at < 800; at++) {
    const colour = faceColour(`01a2133d-9e50-7685-89c4-${at.toString(16).padStart(12, '0')}`)
    counts.set(colour, (counts.get(colour) ?? 0) + 1)
  }
  expect([...counts.keys()].toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  for (const count of counts.values()) expect(count).toBeGreaterThan(60)
  expect(faceColour('ada')).toBe(faceColour('ada'))
})

test('the letter of a face is whole', () => {
  expect(faceLetter(' élodie')).toBe('É')
  expect(faceLetter('🦊 Fox')).toBe('🦊')
  expect(faceLetter('')).toBe('')
})
