/**
 * What a name may hold: what can be seen, in the order in which it is written. Characters that nobody
 * sees (default-ignorable, control), that turn the text around (bidi controls) or that blank it are
 * refused, but for the joiners that emoji and some scripts are written with.
 */

/** Scripts that are written with zero-width joiners and non-joiners between their letters. */
const joined = [
  ...['Arabic', 'Syriac', 'Nko', 'Mongolian', 'Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati'],
  ...['Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala', 'Khmer', 'Myanmar', 'Tibetan'],
]
const letter = `[${joined.map((script) => `\\p{Script=${script}}`).join('')}]`

/** Invisible parts of something that can be seen: each stands right behind what it belongs to. */
const allowed = new RegExp(
  [
    // 👩‍💻, 🏳️‍🌈: joined pictures, the first with a skin or in colour.
    '(?<=\\p{Extended_Pictographic}[\\p{Emoji_Modifier}\\uFE0F]?)\\u200D(?=\\p{Extended_Pictographic})',
    // ❤️, 1️⃣: as picture or as text.
    '(?<=\\p{Emoji})[\\uFE0E\\uFE0F]',
    // The flags of England, Scotland and Wales.
    '(?<=\\u{1F3F4})[\\u{E0061}-\\u{E007A}]{3,6}\\u{E007F}',
    `(?<=${letter}\\p{M}?)[\\u200C\\u200D](?=${letter})`,
    // Forms of one and the same letter.
    '(?<=\\p{Script=Mongolian})[\\u180B-\\u180D\\u180F]',
    '(?<=\\p{Script=Han})[\\u{E0100}-\\u{E01EF}]',
  ].join('|'),
  'gu',
)
/** U+2800 is braille without a dot, U+FFF9 to U+FFFB begin and end notes that are not shown. */
const refused =
  /[\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u2800\uFFF9-\uFFFB]/u
/** A mark without a letter sits on what stands before the name; a pile of them covers other lines. */
const pile = /^\p{M}|\p{M}{6}/u
const visible = /[\p{L}\p{N}\p{P}\p{S}]/u
const unseen = /[\p{Default_Ignorable_Code_Point}\u2800]/gu

/** Every space as the same single one, letters in their composed form: so that the same looks the same. */
export const toPlainLine = (text: string): string =>
  text
    .normalize('NFC')
    .replaceAll(/\p{Zs}+/gu, ' ')
    .trim()

/** Expects what `toPlainLine` gave. */
export function isPlainLine(text: string): boolean {
  const rest = text.replaceAll(allowed, '')
  return !refused.test(rest) && !pile.test(rest) && isVisible(rest)
}

/** There is anything to see in it. */
export function isVisible(text: string): boolean {
  return visible.test(text.replaceAll(unseen, ''))
}
