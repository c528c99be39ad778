/** What names may hold: what can be seen, in the order in which it is written. */
import { expect, test } from 'vitest'
import {
  displayNameSchema,
  messageTextSchema,
  roomNameSchema,
} from '../../../server/protocol/wire.ts'

const taken = (name: string) => displayNameSchema.safeParse(name).data
const isTaken = (name: string) =>
  displayNameSchema.safeParse(name).success && roomNameSchema.safeParse(name).success

test.each([
  ['Ada'],
  ['Zoë O’Neill-Çelik'],
  ['Nguyễn Thị Ánh'],
  ['李小龍'],
  ['יעל'],
  ['שָׁלוֹם'],
  ['محمد'],
  ['علی‌رضا'], // Persian, with a zero-width non-joiner
  ['क्‍ष'], // Devanagari, with a joiner
  ['ශ්‍රී'], // Sinhala
  ['สมชาย'],
  ['བསྒྲུབས'],
  ['👩‍💻 Kim'],
  ['🧑🏽‍🚀'],
  ['🏳️‍🌈'],
  ['🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
  ['❤️'],
  ['1️⃣'],
  ['葛󠄀城'], // an ideograph with its form
  ['…'],
  ['R2-D2'],
])('%j is a name, as it was given', (name) => {
  expect(taken(name)).toBe(name.normalize('NFC'))
  expect(roomNameSchema.parse(name)).toBe(name.normalize('NFC'))
})

test.each([
  ['turned around', '\u202Enimda'],
  ['turned around within', 'Ada\u202D'],
  ['isolated', '\u2067Bob'],
  ['with a mark of direction', 'Ada\u200F'],
  ['with an Arabic mark of direction', 'Ada\u061C'],
  ['of nothing', '\u200B\u200B'],
  ['of a Hangul filler', '\u3164'],
  ['of a half-width Hangul filler', '\uFFA0'],
  ['of a Hangul filler in other places', '\u115F\u1160'],
  ['of braille without dots', '\u2800'],
  ['with braille without dots', 'Ada\u2800'],
  ['of soft hyphens', '\u00AD\u00AD'],
  ['with a soft hyphen', 'A\u00ADda'],
  ['with a zero-width space', 'Ada\u200B'],
  ['with a word joiner', 'A\u2060da'],
  ['with a grapheme joiner', 'A\u034Fda'],
  ['with a joiner between Latin letters', 'A\u200Dda'],
  ['with a non-joiner at its end', 'Ada\u200C'],
  ['with a joiner after an emoji and nothing', '👩\u200D'],
  ['with a form of nothing', 'Ada\uFE0F'],
  ['of tag characters', '\u{E0041}\u{E0064}\u{E0061}'],
  ['with a flag’s tags behind a letter', 'Ada\u{E0067}\u{E0062}\u{E007F}'],
  ['with a line separator', 'Ada\u2028Bo'],
  ['with a line break', 'Ada\nBo'],
  ['with a byte of nothing', 'Ada\u0000'],
  ['with a bell', 'Ada\u0007'],
  ['with half a character', 'Ada\uD83D'],
  ['with a note that is not shown', 'Ada\uFFF9x\uFFFB'],
  ['of a mark without a letter', '\u0301'],
  ['that begins with a mark', '\u0301Ada'],
  ['with 62 marks', `a${'\u0301'.repeat(31)}b${'\u0335'.repeat(31)}`],
  ['of spaces', ' \u00A0\u2003 '],
  ['of nothing at all', ''],
])('a name %s is refused', (_what, name) => {
  expect(isTaken(name)).toBe(false)
})

test('spaces are one plain space each, letters are composed: the same looks the same', () => {
  expect(taken('  Ada \u00A0\u2003Lovelace ')).toBe('Ada Lovelace')
  expect(taken('Zoe\u0308')).toBe('Zoë')
})

test('a message may hold anything that can be seen, and not nothing', () => {
  for (const text of ['a\u202Eb', 'x\n\ny', 'Z\u0335\u0335\u0335\u0335\u0335\u0335\u0335', '👍']) {
    expect(messageTextSchema.safeParse(text).success).toBe(true)
  }
  for (const text of ['\u200B', ' \n\t', '\u3164\u2800', '\u202E', '\u{E0041}']) {
    expect(messageTextSchema.safeParse(text).success).toBe(false)
  }
})
