import { fc, test as property } from '@fast-check/vitest'
import { expect, test } from 'vitest'
import { messageParts } from '../../../web/composables/message-parts.ts'

test('addresses become links, without the dot that ends the sentence', () => {
  expect(messageParts('See https://example.org/notes. Or not?')).toEqual([
    { kind: 'text', text: 'See ' },
    { kind: 'link', text: 'https://example.org/notes' },
    { kind: 'text', text: '. Or not?' },
  ])
})

test('a bracket belongs to the address that opened it', () => {
  expect(messageParts('https://example.org/a_(b)')[0]?.text).toBe('https://example.org/a_(b)')
  expect(messageParts('(https://example.org/a)')).toEqual([
    { kind: 'text', text: '(' },
    { kind: 'link', text: 'https://example.org/a' },
    { kind: 'text', text: ')' },
  ])
})

test('what stands between backticks is code, even an address', () => {
  expect(messageParts('run `npm start` at `http://a`')).toEqual([
    { kind: 'text', text: 'run ' },
    { kind: 'code', text: 'npm start' },
    { kind: 'text', text: ' at ' },
    { kind: 'code', text: 'http://a' },
  ])
})

test('nothing but http and https can be followed', () => {
  for (const text of ['javascript:alert(1)', 'data:text/html,x', 'file:///etc', 'https://']) {
    expect(messageParts(text).map(({ kind }) => kind)).toEqual(['text'])
  }
})

property.prop([fc.string({ unit: 'grapheme' })], { seed: 20260303 })(
  'no letter of a message is lost or added',
  (text) => {
    const parts = messageParts(text)
    const back = parts
      .map((part) => (part.kind === 'code' ? `\`${part.text}\`` : part.text))
      .join('')
    expect(back).toBe(text)
  },
)
