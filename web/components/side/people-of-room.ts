/** The people beside a room: who is in its call, in the order of their coming, and who is not. */
import type { CallView } from '../../../machines/call.view.ts'
import type { Participant, User } from '../../../server/protocol/wire.ts'

export interface PersonInCall {
  person: User
  state: Participant['state']
}

export interface PeopleOfRoom {
  inCall: PersonInCall[]
  others: User[]
}

export function peopleOfRoom(
  members: readonly User[],
  call: CallView | null,
  ownerId: string | null,
): PeopleOfRoom {
  const byId = new Map(members.map((member) => [member.id, member]))
  const participants = call?.participants ?? []
  const inside = new Set(participants.map(({ userId }) => userId))
  const inCall = participants.flatMap(({ userId, state }) => {
    const person = byId.get(userId)
    return person ? [{ person, state }] : []
  })
  return {
    // Who is still on the way in stands apart, at the end.
    inCall: inCall.toSorted(
      (a, b) => Number(a.state === 'joining') - Number(b.state === 'joining'),
    ),
    others: members
      .filter(({ id }) => !inside.has(id))
      .toSorted(
        (a, b) =>
          Number(b.id === ownerId) - Number(a.id === ownerId) ||
          a.displayName.localeCompare(b.displayName) ||
          (a.id < b.id ? -1 : 1),
      ),
  }
}
