/**
 * Cuts a message into what it is made of: text, bold, italic or struck out, code, addresses to follow.
 * markdown-it reads the lines, with nothing enabled but these; it never makes HTML here, its tokens
 * become parts, and components show those. What it would do beyond a line (paragraphs, lists, white
 * space that goes) is not what people mean in a message, so lines and fences are cut here.
 */
import MarkdownIt from 'markdown-it'

export type Mark = 'bold' | 'italic' | 'struck'

interface Inline {
  text: string
  /** Only where there are any. */
  marks?: readonly Mark[]
}
export type MessagePart =
  | ({ kind: 'text' } & Inline)
  | ({ kind: 'link'; href: string } & Inline)
  | ({ kind: 'code' } & Inline)
  /** Lines between fences. */
  | { kind: 'block'; text: string }

const markdown = new MarkdownIt('zero', { linkify: true }).enable([
  'backticks',
  'emphasis',
  'strikethrough',
  'linkify',
])
// An address is shown as it was written: decoded, it could hold what turns text around.
markdown.normalizeLinkText = (address) => address
// Not whatever has a dot in it (main.rs), but mail addresses and www.
markdown.linkify
  .set({ fuzzyLink: false, fuzzyIP: false, fuzzyEmail: true })
  .add('ftp:', null)
  .add('//', null)
  .add('www.', {
    validate(text, at, self) {
      const slashes = '//'
      const length = self.testSchemaAt(slashes + text.slice(at), 'http:', 0)
      return Math.max(0, length - slashes.length)
    },
    normalize(match) {
      match.url = `https://${match.url}`
    },
  })

/** Lines without any of these are text, and need no reading. */
const special = /[`*_~@]|:\/\/|www\./i

export function messageParts(text: string): MessagePart[] {
  const parts: MessagePart[] = []
  const lines = text.split(/\r\n|\r|\n/)
  const fences = findFences(lines)
  let isFirst = true
  for (let at = 0; at < lines.length; at++) {
    const block = fences.get(at)
    if (block) {
      parts.push({ kind: 'block', text: block.text })
      at = block.last
      isFirst = true
      continue
    }
    if (!isFirst) add(parts, { kind: 'text', text: '\n' })
    isFirst = false
    const line = lines[at] ?? ''
    if (special.test(line)) addLine(parts, line)
    else add(parts, { kind: 'text', text: line })
  }
  return parts
}

function addLine(parts: MessagePart[], line: string): void {
  const marks: Mark[] = []
  let href: string | null = null
  const marked = () => (marks.length > 0 ? { marks: [...marks] } : {})
  for (const token of markdown.parseInline(line, {})[0]?.children ?? []) {
    switch (token.type) {
      case 'strong_open':
        marks.push('bold')
        break
      case 'em_open':
        marks.push('italic')
        break
      case 's_open':
        marks.push('struck')
        break
      case 'strong_close':
      case 'em_close':
      case 's_close':
        marks.pop()
        break
      case 'link_open':
        href = safe(token.attrGet('href'))
        break
      case 'link_close':
        href = null
        break
      case 'code_inline':
        add(parts, { kind: 'code', text: token.content, ...marked() })
        break
      default:
        add(
          parts,
          href === null
            ? { kind: 'text', text: token.content, ...marked() }
            : { kind: 'link', text: token.content, href, ...marked() },
        )
    }
  }
}

/** Nothing but these can be followed, whatever else the reader may take for an address. */
function safe(href: unknown): string | null {
  if (typeof href !== 'string' || !URL.canParse(href)) return null
  return ['http:', 'https:', 'mailto:'].includes(new URL(href).protocol) ? href : null
}

/** Text beside text with the same marks is one text. */
function add(parts: MessagePart[], part: MessagePart): void {
  if (part.text === '') return
  const last = parts.at(-1)
  const isSame =
    part.kind === 'text' && last?.kind === 'text' && String(last.marks) === String(part.marks)
  if (isSame) last.text += part.text
  else parts.push(part)
}

interface Fence {
  text: string
  /** The line that closes it. */
  last: number
}

const ticks = '```'
/** What stands behind the ticks that open: nothing, or the name of a language, which is not shown. */
const language = /^[\w+#.-]*$/

/** By the line that opens. Ticks that nothing closes stay as they are. */
function findFences(lines: readonly string[]): Map<number, Fence> {
  const fences = new Map<number, Fence>()
  let open: { at: number; first: string[] } | null = null
  for (const [at, whole] of lines.entries()) {
    const line = whole.trimEnd()
    if (open === null) {
      const behind = line.trimStart().slice(ticks.length)
      if (!line.trimStart().startsWith(ticks) || behind.includes('`')) continue
      open = { at, first: language.test(behind) ? [] : [behind] }
    } else if (line.endsWith(ticks)) {
      // Some close on the last line of the code itself.
      const lastWords = line.slice(0, -ticks.length)
      const between = lines.slice(open.at + 1, at)
      const last = lastWords.trim() === '' ? [] : [lastWords]
      fences.set(open.at, { text: [...open.first, ...between, ...last].join('\n'), last: at })
      open = null
    }
  }
  return fences
}
