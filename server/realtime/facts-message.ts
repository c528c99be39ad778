/** Consecutive facts of a room as one message; made once, whoever it is for. */
import type { LogFact } from '../../machines/room.facts.ts'
import type { RoomViews } from '../rooms/room-views.ts'

type Views = Pick<RoomViews, 'toFact'>

export function toFactsMessage(roomId: string, facts: readonly LogFact[], views: Views): string {
  return toMessage(
    roomId,
    facts.at(-1)?.seq ?? 0,
    facts.map((fact) => JSON.stringify(views.toFact(fact))),
  )
}

/** The first of them, up to so many characters; the very first however large it is. */
export function toPage(
  roomId: string,
  facts: readonly LogFact[],
  views: Views,
  maxLength: number,
): { message: string; facts: readonly LogFact[] } {
  const texts: string[] = []
  let size = 0
  for (const fact of facts) {
    const text = JSON.stringify(views.toFact(fact))
    size += text.length
    if (texts.length > 0 && size > maxLength) break
    texts.push(text)
  }
  const some = facts.slice(0, texts.length)
  return { message: toMessage(roomId, some.at(-1)?.seq ?? 0, texts), facts: some }
}

/** `ServerMessage` of `facts` that are JSON already. */
function toMessage(roomId: string, seq: number, facts: readonly string[]): string {
  return `{"type":"facts","roomId":${JSON.stringify(roomId)},"seq":${seq},"facts":[${facts.join(',')}]}`
}
