/**
 * The names of people as they are shown, by user id: learnt from whatever names them. Where two people
 * look the same by name, the login tells them apart; a name of which nothing can be seen is the login.
 */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import { computed, toValue, type MaybeRefOrGetter, type Ref } from 'vue'
import { isVisible } from '../../server/protocol/plain-line.ts'
import type { User } from '../../server/protocol/wire.ts'
import { isolate } from '../words/isolate.ts'
import { t } from '../words/words.ts'
import { skeletonOf } from './looks-alike.ts'

type Named = Pick<User, 'id' | 'displayName'> & { login?: string; deleted?: true }

interface Known {
  name: string
  /** Not known of who was only seen in a call. */
  login: string | undefined
  skeleton: string
}

interface Names {
  people: Readonly<Record<string, Known>>
  /** User ids by how their names look. */
  alike: Readonly<Record<string, readonly string[]>>
  /** As shown. */
  names: Readonly<Record<string, string>>
}

export const namesStore = createStore({
  context: { people: {}, alike: {}, names: {} } as Names,
  on: {
    learnt: (context, event: { users: readonly Named[] }) => learn(context, event.users),
  },
})

function learn(context: Names, users: readonly Named[]): Names {
  const fresh = users.filter((user) => {
    const known = context.people[user.id]
    return known?.name !== nameOfUser(user) || (user.login ?? known.login) !== known.login
  })
  if (fresh.length === 0) return context
  const people = { ...context.people }
  const alike = { ...context.alike }
  const names = { ...context.names }
  const looks = new Set<string>()
  for (const user of fresh) {
    const before = people[user.id]
    const name = nameOfUser(user)
    const known = { name, login: user.login ?? before?.login, skeleton: skeletonOf(name) }
    people[user.id] = known
    for (const look of [before?.skeleton, known.skeleton]) {
      if (look === undefined) continue
      alike[look] = (alike[look] ?? []).filter((id) => id !== user.id)
      looks.add(look)
    }
    alike[known.skeleton] = [...(alike[known.skeleton] ?? []), user.id]
  }
  for (const look of looks) {
    const ids = alike[look] ?? []
    for (const id of ids) {
      const known = people[id]
      if (known) names[id] = shown(known, ids.length > 1)
    }
  }
  return { people, alike, names }
}

function shown({ name, login }: Known, isAlike: boolean): string {
  if (login === undefined) return isolate(name)
  if (!isVisible(name)) return login
  return isAlike ? `${isolate(name)} (${login})` : isolate(name)
}

function nameOfUser(user: Named): string {
  return user.deleted
    ? `${user.displayName} (${t('room.deleted-person').toLowerCase()})`
    : user.displayName
}

export function learnNames(users: readonly Named[]): void {
  namesStore.trigger.learnt({ users })
}

/** Empty while it is not known. */
export const nameOf = (userId: string): string =>
  namesStore.getSnapshot().context.names[userId] ?? ''

export const useNames = (): Readonly<Ref<Readonly<Record<string, string>>>> =>
  useSelector(namesStore, ({ context }) => context.names)
export function useName(userId: MaybeRefOrGetter<string>): Readonly<Ref<string>> {
  const names = useNames()
  return computed(() => names.value[toValue(userId)] ?? '')
}
