import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openDatabase, openStore } from '../../persistence/open-store.ts'
import { AmbiguousCommitError } from '../../persistence/store.ts'
import { startPostgres, type Postgres } from '../support/postgres.ts'
import { commitOf, message, newRoom } from './room-commits.ts'
import { storeContract } from './store-contract.ts'

/** A line to the database; once it was cut, whoever is connected hears of that only when they say something more. */
async function lineThatIsCut(port: number) {
  const open = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      open.add(socket.on('error', () => undefined).once('close', () => open.delete(socket)))
    }
    const cameLater = isCut
    const isOver = () => isCut && !cameLater
    near.on('data', (bytes) => (isOver() ? near.destroy() : far.write(bytes)))
    near.once('close', () => far.destroy())
    far.on('data', (bytes) => !isOver() && near.write(bytes))
    far.once('close', () => !isOver() && near.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    /** All that are connected by now; who comes later has a line that works. */
    cut() {
      isCut = true
    },
    close() {
      for (const socket of open) socket.destroy()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

let postgres: Postgres
beforeAll(async () => {
  postgres = await startPostgres()
}, 60_000)
afterAll(() => postgres.stop())

storeContract('PostgreSQL', () => postgres.freshUrl())

describe('PostgreSQL alone', () => {
  let url = ''
  beforeEach(async () => {
    url = await postgres.freshUrl()
  })

  /** Does this when a transaction that wrote facts is about to be committed. */
  const atCommit = (what: string) =>
    postgres.sql(
      url,
      `create function at_commit() returns trigger language plpgsql as $$ begin ${what}; return null; end $$;
       create constraint trigger at_commit after insert on facts deferrable initially deferred
         for each row execute function at_commit()`,
    )

  test('R2 a connection that is lost while committing is ambiguous; the next commit works', async () => {
    const store = await openStore(url)
    await store.rooms.create(newRoom('r1'), [])
    await atCommit('perform pg_terminate_backend(pg_backend_pid())')
    const commit = commitOf('r1', 0, { facts: [message(1, 'hello')] })
    await expect(store.rooms.commit([commit])).rejects.toBeInstanceOf(AmbiguousCommitError)

    await postgres.sql(url, 'drop trigger at_commit on facts')
    expect((await store.rooms.load('r1', {}))?.room.version).toBe(0)
    expect(await store.rooms.commit([commit])).toEqual(['committed'])
    await store.close()
  })

  test('a COMMIT that the database refuses is a failure, not a riddle', async () => {
    const store = await openStore(url)
    await store.rooms.create(newRoom('r1'), [])
    await atCommit(`raise exception 'no'`)
    const commit = commitOf('r1', 0, { facts: [message(1, 'hello')] })
    await expect(store.rooms.commit([commit])).rejects.toMatchObject({
      name: 'DatabaseError',
      code: 'P0001',
    })
    await postgres.sql(url, 'drop trigger at_commit on facts')
    expect(await store.rooms.commit([commit])).toEqual(['committed'])
    await store.close()
  })

  test('R2 a connection that is dead already when a commit begins costs nobody that commit', async () => {
    const { port } = new URL(url)
    const line = await lineThatIsCut(Number(port))
    const store = await openStore(url.replace(`:${port}/`, `:${line.port}/`))
    await store.rooms.create(newRoom('r1'), [])
    line.cut()
    const commit = commitOf('r1', 0, { facts: [message(1, 'hello')] })
    expect(await store.rooms.commit([commit])).toEqual(['committed'])
    await store.close()
    await line.close()
  })

  test('connections that the database cut are made again', async () => {
    const store = await openStore(url)
    await store.rooms.create(newRoom('r1'), [])
    await postgres.sql(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()`,
    )
    // A cut that was not noticed yet may cost a reader an error, but not the next one, and no writer.
    await store.ping().catch(() => undefined)
    await store.installation.get('a').catch(() => undefined)
    await store.installation.set('a', 'b')
    expect(await store.installation.get('a')).toBe('b')
    await store.close()
  })

  test('nobody waits for ever: locks and idle transactions have a limit', async () => {
    const database = await openDatabase(url)
    const limits = ['lock_timeout', 'idle_in_transaction_session_timeout']
    for (const limit of limits) {
      const [row] = await database.writeAlone((sql) => sql<Record<string, string>>(`show ${limit}`))
      expect(row?.[limit]).toMatch(/^\ds$/)
    }
    await database.close()
  })

  test('a database that cannot be reached is named without the password', async () => {
    const cases = [
      url.replace('postgres@', 'postgres:hunter2@').replace(/\/test\d+$/, '/\0'),
      'postgres://ada:hunter2@127.0.0.1:1/chatto',
      'postgres://ada:hunter2@host:port/chatto',
    ]
    for (const wrong of cases) {
      const error = await openStore(wrong).then(
        () => null,
        (thrown: unknown) => thrown,
      )
      if (!(error instanceof Error)) throw new Error('it was opened')
      expect(error.name).toBe('CannotOpenDatabaseError')
      expect(error.message).toMatch(/^(the PostgreSQL|\[database\] url:) [^\n]+$/)
      expect(error.message).not.toContain('hunter2')
    }
  })
})
