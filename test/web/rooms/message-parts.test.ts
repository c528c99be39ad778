import { fc, test as property } from '@fast-check/vitest'
import { expect, test } from 'vitest'
import {
  messageParts,
  type Mark,
  type MessagePart,
} from '../../../web/components/history/message-parts.ts'

const text = (text: string, ...marks: Mark[]): MessagePart =>
  marks.length > 0 ? { kind: 'text', text, marks } : { kind: 'text', text }
const link = (text: string, href = text): MessagePart => ({ kind: 'link', text, href })
const code = (text: string): MessagePart => ({ kind: 'code', text })
const block = (text: string): MessagePart => ({ kind: 'block', text })

test.each<[string, MessagePart[]]>([
  // The dot that ends the sentence is not the address's.
  [
    'See https://example.org/notes. Or not?',
    [text('See '), link('https://example.org/notes'), text('. Or not?')],
  ],
  ['看https://example.org/a。好', [text('看'), link('https://example.org/a'), text('。好')]],
  ['http://localhost:8080/x', [link('http://localhost:8080/x')]],
  // Brackets are counted.
  ['https://example.org/a_(b)', [link('https://example.org/a_(b)')]],
  ['(https://example.org/a)', [text('('), link('https://example.org/a'), text(')')]],
  [
    '(https://example.org/Foo_(bar))',
    [text('('), link('https://example.org/Foo_(bar)'), text(')')],
  ],
  // Mail and www, bare.
  [
    'www.example.org/a?b. WWW.X.ORG',
    [
      link('www.example.org/a?b', 'https://www.example.org/a?b'),
      text('. '),
      link('WWW.X.ORG', 'https://WWW.X.ORG'),
    ],
  ],
  [
    'to ada@example.org.',
    [text('to '), link('ada@example.org', 'mailto:ada@example.org'), text('.')],
  ],
  ['main.rs www. a@b //x.org ftp://x.org', [text('main.rs www. a@b //x.org ftp://x.org')]],
  // What is shown is what was written: decoded it would turn the text around.
  ['https://example.org/%E2%80%AE', [link('https://example.org/%E2%80%AE')]],
  // Stressed.
  [
    '**bold** *so* _so_ ~~no~~ ***both***',
    [
      text('bold', 'bold'),
      text(' '),
      text('so', 'italic'),
      text(' '),
      text('so', 'italic'),
      text(' '),
      text('no', 'struck'),
      text(' '),
      text('both', 'italic', 'bold'),
    ],
  ],
  [
    '**https://example.org/a**',
    [{ ...link('https://example.org/a'), marks: ['bold'] } as MessagePart],
  ],
  ['snake_case_name, 2 * 3 * 4, ** no **, *', [text('snake_case_name, 2 * 3 * 4, ** no **, *')]],
  ['*not\nover lines*', [text('*not\nover lines*')]],
  // Code.
  [
    'run `npm start` at `http://a`',
    [text('run '), code('npm start'), text(' at '), code('http://a')],
  ],
  ['`**as it is**`', [code('**as it is**')]],
  [
    'before\n```js\nlet a\n\n  b\n```\nafter',
    [text('before'), block('let a\n\n  b'), text('after')],
  ],
  ['```some words\nmore```', [block('some words\nmore')]],
  ['```one line```', [code('one line')]],
  ['```\nnever closed', [text('```\nnever closed')]],
  // White space is kept, and nothing else of Markdown means anything.
  ['  a\n\n\n\tb  ', [text('  a\n\n\n\tb  ')]],
  [
    '# a\n- b\n1. c\n> d\n---\n<b>&amp;</b> \\*',
    [text('# a\n- b\n1. c\n> d\n---\n<b>&amp;</b> \\*')],
  ],
])('%j', (message, parts) => {
  expect(messageParts(message)).toEqual(parts)
})

test('nothing but http, https and mailto can be followed', () => {
  for (const refused of [
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc',
    'https://',
    'vbscript://x.org',
  ]) {
    expect(messageParts(refused)).toEqual([text(refused)])
  }
})

/** Without what stands around code and what is stressed, and without the ends of lines at fences. */
const bare = (words: string) => words.replaceAll(/[`*_~\s]/g, '')

property.prop(
  [
    fc
      .string({ unit: fc.constantFrom(...'ab .*_~`\n(@:/w', 'https://') })
      // The name of a language behind a fence is not shown.
      .filter((message) => !message.includes('```')),
  ],
  { seed: 20260303 },
)('no letter of a message is lost or added', (message) => {
  const parts = messageParts(message)
  expect(bare(parts.map((part) => part.text).join(''))).toBe(bare(message))
})

property.prop([fc.string({ unit: 'grapheme' }).filter((words) => !/[`*_~\r]/.test(words))], {
  seed: 20260303,
})('a message without any sign of ours is shown as it was written', (message) => {
  expect(
    messageParts(message)
      .map((part) => part.text)
      .join(''),
  ).toBe(message)
})
