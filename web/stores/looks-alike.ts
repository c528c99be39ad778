/**
 * Names that look the same have the same skeleton (the idea of UTS 39). The table is a small one of our
 * own, not Unicode's: Cyrillic, Greek and Armenian letters and digits that look like Latin ones in
 * common typefaces, beside what compatibility (NFKC) and case make equal. All of Unicode's six thousand
 * pairs would be more than the rest of the page's first load.
 */

/** Each word: what it becomes, and then the lower-case characters that look like it. */
const table = [
  'aаαɑ cсϲ dԁժ eеҽ gɡց hһհ iіιı1lӏ|ǀ jјϳ kкκ mм nոη oоοօ0σ pрρ qԛգ',
  'rг sѕ tтτ uυս vνѵ wԝω xхχ yуγү bьв6 3зэ',
].join(' ')

const lookOf = new Map(
  table.split(' ').flatMap((word) => {
    const [look = '', ...like] = word
    return like.map((letter) => [letter, look] as const)
  }),
)

const unseen = /[\p{Default_Ignorable_Code_Point}\s]/gu

export function skeletonOf(name: string): string {
  // Small letters stand for their capitals, too: В and B look the same, and so count в and b.
  const plain = name.normalize('NFKC').toLowerCase().replaceAll(unseen, '')
  let skeleton = ''
  for (const letter of plain) skeleton += lookOf.get(letter) ?? letter
  return skeleton.replaceAll('rn', 'm').replaceAll('vv', 'w')
}
