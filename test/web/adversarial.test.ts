/**
 * Whatever reads people's text does so in time that grows with its length alone, on the engine of
 * Node 20 too, which has no rescue from a regular expression that goes wrong. The whole of it is listed
 * here; `regexp/no-super-linear-*` (eslint.config.js) watches the rest of the code.
 */
import { expect, test } from 'vitest'
import { escapeLike } from '../../persistence/repositories/user-rows.ts'
import { isPlainLine, isVisible, toPlainLine } from '../../server/protocol/plain-line.ts'
import {
  displayNameSchema,
  loginRequest,
  loginSchema,
  messageTextSchema,
  openDmRequest,
  postMessageRequest,
  roomNameSchema,
  timelineQuery,
  usersQuery,
} from '../../server/protocol/wire.ts'
import { faceLetter } from '../../web/components/ui/face-colour.ts'
import { messageParts } from '../../web/components/history/message-parts.ts'
import { matches } from '../../web/stores/room-list.ts'
import { skeletonOf } from '../../web/stores/looks-alike.ts'
import { isolate } from '../../web/words/isolate.ts'
import { t } from '../../web/words/words.ts'

/** What reads people's text: their messages, names, logins, searches. */
const readers: Record<string, (text: string) => unknown> = {
  'the parts of a message': messageParts,
  'a message on the wire': (text) => messageTextSchema.safeParse(text),
  'a request with a message': (text) => postMessageRequest.safeParse({ text, requestId: text }),
  'a person’s name on the wire': (text) => displayNameSchema.safeParse(text),
  'a room’s name on the wire': (text) => roomNameSchema.safeParse(text),
  'a name as a plain line': (text) => isPlainLine(toPlainLine(text)),
  'whether there is anything to see': isVisible,
  'a login': (text) => loginSchema.safeParse(text),
  'signing in': (text) => loginRequest.safeParse({ login: text, password: text }),
  'an id': (text) => openDmRequest.safeParse({ userId: text }),
  'a search on the wire': (text) => usersQuery.safeParse({ query: text }),
  'a number in an address': (text) => timelineQuery.safeParse({ before: text }),
  'a search in the database': escapeLike,
  'a search in the list': (text) => matches(text, text.slice(0, 100)),
  'how a name looks': skeletonOf,
  'the letter of a face': faceLetter,
  'text among ours': isolate,
  'text in our words': (text) => t('history.call-started', { name: text }),
}

/** One message is at most that long; names and searches are refused long before. */
const longest = 8000
const fill = (unit: string) => unit.repeat(Math.ceil(longest / unit.length)).slice(0, longest)

const texts: Record<string, string> = {
  // The one that stopped Firefox for 15 s: cubic.
  'an address of dots and brackets': `https://${'.'.repeat(2000)}x${')'.repeat(2000)}`,
  'the same, as long as may be': `https://${'.'.repeat(3990)}x${')'.repeat(3990)}`,
  'brackets that open in an address': `https://a/${fill('(')}`.slice(0, longest),
  'brackets both ways': `https://a/${fill('()')}`.slice(0, longest),
  'backticks that grow': Array.from({ length: 125 }, (_, n) => `${'`'.repeat(n)}a`).join(''),
  'lines of ticks and words': fill('```a b\n'),
  'marks without letters': fill('\u0301'),
  'a letter under marks': `a${fill('\u0335')}`.slice(0, longest),
  'joiners between emoji': fill('👩\u200D'),
  'invisible and at last not': `${'\u200B'.repeat(longest - 1)}a`,
  'white space and at last not': `${' '.repeat(longest - 1)}a`,
  'tags of flags': fill('\u{1F3F4}\u{E0067}\u{E0062}'),
  'digits and at last not': `${'1'.repeat(longest - 1)}a`,
  ...Object.fromEntries(
    [
      ...[
        '.',
        '(',
        ')',
        '[',
        '*',
        '_',
        '~',
        '`',
        '@',
        'a',
        ' ',
        '\n',
        '\t',
        '!',
        '-',
        ':',
        '/',
        '{',
      ],
      ...['http://', 'https://a.b(', 'www.', 'www.a.', 'a@', 'a.b@', 'a@b.c,', 'mailto:', '://'],
      ...['**a', '*a', '_a*b', '~~a', '***a_', '**a*b_c~~', '[a](', '`a', '``a`', '*a\n', '{name}'],
      ...['ـ', 'क्\u200D', 'a\u202E', 'ﷺ', '%_\\', 'é', 'rn', '\u3164', '0️⃣'],
    ].map((unit) => [`${JSON.stringify(unit)} again and again`, fill(unit)]),
  ),
}

/** A line that grows with the text needs a few ms; what is cubic needs minutes, what is quadratic a second. */
const budgetMs = 250

test.each(Object.keys(readers))('%s is read in time, whatever it holds', (what) => {
  const read = readers[what]
  if (!read) throw new Error('no reader')
  const slow = Object.entries(texts).flatMap(([name, text]) => {
    const tookMs = fastest(() => read(text))
    return tookMs > budgetMs ? [`${name}: ${Math.round(tookMs)} ms`] : []
  })
  expect(slow).toEqual([])
})

/** On a busy machine anything may be slow once. */
function fastest(work: () => unknown): number {
  let best = Infinity
  for (let tries = 0; tries < 3 && best > budgetMs; tries++) {
    const before = performance.now()
    work()
    best = Math.min(best, performance.now() - before)
  }
  return best
}
