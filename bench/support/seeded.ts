/** A server whose database was filled before it starts: people, rooms and messages without HTTP and hashes. */
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { openStore } from '../../persistence/open-store.ts'
import type { Store } from '../../persistence/store.ts'
import { prepareServer, type ServerProcess } from '../../test/support/server-process.ts'
import { benchEnv, type Member } from './crowd.ts'

const at = Date.now() - 3600_000

/** `fill` writes through the store of the product; the server is started on what it left. */
export async function startSeeded(
  fill: (store: Store) => Promise<void>,
  env: Record<string, string> = {},
): Promise<ServerProcess> {
  const server = await prepareServer({ env: { ...benchEnv, ...env } })
  const store = await openStore(`sqlite:${join(server.folder, 'chatto.db')}`)
  await fill(store)
  await store.close()
  await server.start()
  return server
}

/** Accounts with a session each; nobody can sign in by a password. */
export async function makePeople(store: Store, count: number, prefix = 'p'): Promise<Member[]> {
  const people: Member[] = []
  for (let i = 0; i < count; i++) {
    const id = `${prefix}${String(i).padStart(5, '0')}`
    const name = { login: id, displayName: `Person ${id}` }
    const user = { id, ...name, createdAt: at }
    await store.accounts.register(user, 'no hash', { mayBeFirst: true, effects: [] })
    const token = `token-of-${id}`
    await store.accounts.openSession({
      tokenHash: createHash('sha256').update(token).digest('hex'),
      sessionId: `session-${id}`,
      userId: id,
      createdAt: at,
      expiresAt: at + 30 * 24 * 3600_000,
    })
    people.push({ user: { id, ...name, admin: false }, token })
  }
  return people
}

export async function makeRoom(store: Store, roomId: string, members: Member[]): Promise<void> {
  const room = { roomId, name: roomId, kind: 'room', visibility: 'public' } as const
  const userIds = members.map(({ user }) => user.id)
  const ownerId = userIds[0] ?? null
  await store.rooms.create({ ...room, ownerId, dmKey: null, createdAt: at }, userIds)
}

/** Messages of today, each with the receipt of its request. */
export async function fillRoom(store: Store, roomId: string, by: string, count: number) {
  const perCommit = 500
  for (let first = 0; first < count; first += perCommit) {
    const numbers = Array.from({ length: perCommit }, (_, i) => first + i + 1)
    const version = first / perCommit
    await store.rooms.commit([
      {
        roomId,
        expectedVersion: version,
        newVersion: version + 1,
        seq: first + perCommit,
        lastAt: at,
        facts: numbers.map((seq) => ({
          type: 'message.posted',
          seq,
          at,
          by,
          source: 'user',
          text: `message ${seq} of a busy room`,
        })),
        receipts: numbers.map((seq) => ({
          key: `message:${by}:${seq}`,
          at: Date.now(),
          result: { seq, textHash: 'x'.repeat(43) },
        })),
        membersAdded: [],
        membersRemoved: [],
        steps: [],
        endedCalls: [],
        keysMinted: [],
        keysShredded: [],
        ignored: [],
        effects: [],
      },
    ])
  }
}
