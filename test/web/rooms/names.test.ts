/** Who is who: names that look the same, names from the right, names of which nothing can be seen. */
import { expect, test } from 'vitest'
import { faceLetter } from '../../../web/components/ui/face-colour.ts'
import { skeletonOf } from '../../../web/stores/looks-alike.ts'
import { learnNames, nameOf } from '../../../web/stores/names.store.ts'
import { isolate } from '../../../web/words/isolate.ts'
import { peopleWords, t } from '../../../web/words/words.ts'

let nextId = 0
const person = (displayName: string, login: string) => ({
  id: `names-${nextId++}`,
  displayName,
  login,
})

test.each([
  ['Аda', 'Ada'], // Cyrillic А
  ['Αda', 'Ada'], // Greek Α
  ['аdmіn', 'admin'], // Cyrillic а and і
  ['ADMIN', 'admin'],
  ['adm1n', 'admin'],
  ['B0b', 'Bob'],
  ['Ｂｏｂ', 'Bob'], // full width
  ['rnia', 'mia'],
  ['A da', 'Ada'],
  ['A\u200Bda', 'Ada'],
])('%j looks like %j', (name, other) => {
  expect(skeletonOf(name)).toBe(skeletonOf(other))
})

test.each([
  ['Ada', 'Adam'],
  ['Zoë', 'Zoe'],
  ['Анна', 'Ирина'],
  ['Chen', 'Chan'],
])('%j does not look like %j', (name, other) => {
  expect(skeletonOf(name)).not.toBe(skeletonOf(other))
})

test('people who look the same by name are told apart by their logins, and alone they are not', () => {
  const lena = person('Lena', 'lena')
  learnNames([lena])
  expect(nameOf(lena.id)).toBe('Lena')
  const other = person('Lеna', 'lena.k') // Cyrillic е
  learnNames([other])
  expect(nameOf(lena.id)).toBe('Lena (lena)')
  expect(nameOf(other.id)).toBe('Lеna (lena.k)')
  // One of them is called otherwise now: nobody is taken for anybody.
  learnNames([{ ...other, displayName: 'Magda' }])
  expect(nameOf(lena.id)).toBe('Lena')
  expect(nameOf(other.id)).toBe('Magda')
})

test('who was only seen in a call is told apart as soon as the login is known', () => {
  const nils = person('Nils', 'nils')
  const other = person('Nils', 'nils2')
  learnNames([nils, { id: other.id, displayName: other.displayName }])
  expect(nameOf(other.id)).toBe('Nils')
  expect(nameOf(nils.id)).toBe('Nils (nils)')
  learnNames([other])
  expect(nameOf(other.id)).toBe('Nils (nils2)')
  // What says nothing of the login takes nothing away.
  learnNames([{ id: other.id, displayName: other.displayName }])
  expect(nameOf(other.id)).toBe('Nils (nils2)')
})

test('a name from before they were refused: of which nothing can be seen, it is the login', () => {
  const old = person('\u3164', 'old')
  learnNames([old])
  expect(nameOf(old.id)).toBe('old')
  expect(faceLetter(nameOf(old.id))).toBe('O')
})

test('names from before cannot turn around what stands beside them', () => {
  expect(isolate('\u202Enimda')).toBe('nimda')
  expect(t('history.call-started', { name: '\u202Enimda' })).toBe('nimda started a call')
})

test('a name from the right keeps its direction within our words, one from the left is left alone', () => {
  expect(t('history.call-started', { name: 'יעל' })).toBe('\u2068יעל\u2069 started a call')
  expect(t('history.call-started', { name: 'Ada' })).toBe('Ada started a call')
  const yael = person('יעל', 'yael')
  learnNames([yael])
  expect(peopleWords([nameOf(yael.id), 'Ada'])).toBe('\u2068יעל\u2069 and Ada')
  expect(faceLetter(nameOf(yael.id))).toBe('י')
})
