/**
 * People's text among ours, where no markup can stand between them (labels, titles, sentences): it keeps
 * its own direction, and turns nothing else around. In markup, `bdi` and `dir="auto"` do that.
 */

/** What turns text around; names from before they were refused may hold some. */
const controls = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g
/** Hebrew, Arabic and their neighbours, and what is written from the right further up. */
const fromTheRight =
  /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u

const firstStrongIsolate = '\u2068'
const popIsolate = '\u2069'

/** Text from left to right comes back as it is: nothing around it could be turned. */
export function isolate(text: string): string {
  const plain = text.replaceAll(controls, '')
  return fromTheRight.test(plain) ? firstStrongIsolate + plain + popIsolate : plain
}
