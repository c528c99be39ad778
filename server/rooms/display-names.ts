/** Display names by user id: the ones used last stay in memory. Names never change. */
import type { AccountStore } from '../../persistence/store.ts'

export interface DisplayNames {
  /** Of all these people; an id that nobody has gets an empty name. */
  of(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>
}

export function createDisplayNames({
  accounts,
  inMemory = 20_000,
}: {
  accounts: Pick<AccountStore, 'users'>
  inMemory?: number
}): DisplayNames {
  /** In order of use. */
  const known = new Map<string, string>()

  function remember(userId: string, name: string): void {
    known.delete(userId)
    known.set(userId, name)
    if (known.size <= inMemory) return
    for (const oldest of known.keys()) {
      known.delete(oldest)
      return
    }
  }

  return {
    async of(userIds) {
      const names = new Map(userIds.map((userId) => [userId, known.get(userId) ?? '']))
      const unknown = [...names.keys()].filter((userId) => !known.has(userId))
      if (unknown.length === 0) return names
      for (const { id, displayName } of await accounts.users(unknown)) names.set(id, displayName)
      for (const [userId, name] of names) if (name !== '') remember(userId, name)
      return names
    },
  }
}
