/** Cuts a message into plain text, addresses to follow, and what stands between backticks. */

export type MessagePart =
  { kind: 'text'; text: string } | { kind: 'link'; text: string } | { kind: 'code'; text: string }

/** Nothing but http(s): whatever else looks like an address stays text. */
const special = /`([^`\n]+)`|https?:\/\/[^\s<>"'`]+/g
/** Ends a sentence rather than an address. */
const trailing = /[.,;:!?…]+$/

export function messageParts(text: string): MessagePart[] {
  const parts: MessagePart[] = []
  let from = 0
  const add = (part: MessagePart) => part.text !== '' && parts.push(part)
  for (const match of text.matchAll(special)) {
    const [whole, code] = match
    add({ kind: 'text', text: text.slice(from, match.index) })
    if (code !== undefined) {
      add({ kind: 'code', text: code })
      from = match.index + whole.length
    } else {
      const address = trimAddress(whole)
      add({ kind: URL.canParse(address) ? 'link' : 'text', text: address })
      from = match.index + address.length
    }
  }
  add({ kind: 'text', text: text.slice(from) })
  return parts
}

/** A closing bracket belongs to the address only when it was opened in it. */
function trimAddress(address: string): string {
  let trimmed = address.replace(trailing, '')
  while (trimmed.endsWith(')') && !trimmed.includes('(')) {
    trimmed = trimmed.slice(0, -1).replace(trailing, '')
  }
  return trimmed
}
