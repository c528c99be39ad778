/** The names of people, by user id: learnt from whatever names them. */
import { createStore } from '@xstate/store'
import { toValue, type MaybeRefOrGetter, type Ref } from 'vue'
import type { User } from '../../server/protocol/wire.ts'
import { t } from '../words/words.ts'
import { selectorOf } from './selector.ts'

type Named = Pick<User, 'id' | 'displayName'> & { deleted?: true }

export const namesStore = createStore({
  context: { names: {} as Readonly<Record<string, string>> },
  on: {
    learnt: (context, event: { users: readonly Named[] }) => {
      const fresh = event.users.filter((user) => context.names[user.id] !== nameOfUser(user))
      if (fresh.length === 0) return context
      const learnt = Object.fromEntries(fresh.map((user) => [user.id, nameOfUser(user)]))
      return { names: { ...context.names, ...learnt } }
    },
  },
})

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

const select = selectorOf(namesStore)

export const useNames = (): Readonly<Ref<Readonly<Record<string, string>>>> =>
  select((context) => context.names)
export const useName = (userId: MaybeRefOrGetter<string>): Readonly<Ref<string>> =>
  select((context) => context.names[toValue(userId)] ?? '')
