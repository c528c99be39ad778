import { mkdtempSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { holdDatabase } from '../../persistence/hold-sqlite.ts'
import { openStore } from '../../persistence/open-store.ts'
import type { Store } from '../../persistence/store.ts'
import {
  holdSqlite,
  readingTransaction,
  writingTransaction,
  type ForeignProgram,
} from '../support/foreign-sqlite.ts'
import { until } from '../support/until.ts'
import { activeCall, commitOf, endedCall, keyOf, newRoom, t0 } from './room-commits.ts'

/** SQLite as one process among others that have the same file open. */
let folder = ''
let path = ''
let store: Store
let other: ForeignProgram | null = null
let told: string[] = []

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chatto-foreign-'))
  path = join(folder, 'chatto.db')
  told = []
  store = await openStore(`sqlite:${path}`, (line) => told.push(line))
  await store.rooms.create(newRoom('r1'), [])
})
afterEach(async () => {
  await other?.end()
  other = null
  await store.close()
  rmSync(folder, { recursive: true })
})

/** A call begins and ends, and its key is shredded. */
async function callPasses(callId: string, version: number): Promise<void> {
  await store.rooms.commit([
    commitOf('r1', version, { call: activeCall(callId), keysMinted: [keyOf(callId, 0)] }),
  ])
  await store.rooms.commit([
    commitOf('r1', version + 1, {
      call: endedCall(callId, 2),
      keysShredded: [{ callId, at: t0 }],
    }),
  ])
}

const walBytes = () => statSync(`${path}-wal`).size

describe('a program that reads, and goes on reading', () => {
  test('R43 a scrub waits for nobody: it says so, names who reads once, and is done when they are gone', async () => {
    await callPasses('c1', 0)
    other = await holdSqlite(path, readingTransaction)
    await callPasses('c2', 2)

    const before = performance.now()
    for (let i = 0; i < 3; i += 1) expect(await store.scrub()).toBe('held')
    // Before, each of them had SQLite's writer wait for five times five seconds.
    expect(performance.now() - before).toBeLessThan(5_000)
    expect(told).toEqual([expect.stringContaining(`holds a transaction open on ${path}`)])
    if (process.platform === 'linux') expect(told[0]).toContain(`(process ${other.pid})`)

    await other.end()
    expect(await store.scrub()).toBe('done')
    expect(walBytes()).toBe(0)
    expect(told.slice(1)).toEqual([expect.stringContaining('could be emptied again')])
  })

  test('R43 who reads while nothing is written keeps the WAL just as well, and is named', async () => {
    await callPasses('c1', 0)
    other = await holdSqlite(path, readingTransaction)
    expect(await store.scrub()).toBe('held')
    await other.end()
    expect(await store.scrub()).toBe('done')
  })
})

describe('a program that holds the lock to write', { timeout: 60_000 }, () => {
  test('is named after a second, and who waits is refused together, not one after the other', async () => {
    other = await holdSqlite(path, writingTransaction)
    const before = performance.now()
    const writes = Array.from({ length: 20 }, (_, i) => store.installation.set(`a${i}`, 'b'))
    const refused = Promise.allSettled(writes)
    await until('it is named', 4_000, () => told.length > 0)
    expect(told).toEqual([
      expect.stringContaining(`A write to the SQLite file ${path} has been waiting`),
    ])
    if (process.platform === 'linux') expect(told[0]).toContain(`(process ${other.pid})`)

    for (const { status, ...rest } of await refused) {
      expect(status).toBe('rejected')
      expect(rest).toMatchObject({ reason: { name: 'DatabaseLockedError' } })
    }
    expect(performance.now() - before).toBeLessThan(12_000)

    await other.end()
    await store.installation.set('a', 'b')
    expect(told.slice(1)).toEqual([`the SQLite file ${path} takes writes again.`])
  })
})

describe('one server for a file', () => {
  test('a second one is refused in one line with the first one’s process, by whatever path it comes', async () => {
    const held = await holdDatabase(`sqlite:${path}`)
    const link = join(folder, 'link.db')
    symlinkSync(path, link)
    for (const way of [path, link]) {
      const error: unknown = await holdDatabase(`sqlite:${way}`).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({
        name: 'CannotOpenDatabaseError',
        message: expect.stringMatching(
          new RegExp(
            `^the SQLite database ${way} belongs to another .* \\(process ${process.pid}\\)`,
          ),
        ) as string,
      })
    }
    await held.release()
    await (await holdDatabase(`sqlite:${link}`)).release()
  })

  test('one that was killed keeps nobody out, and who copies the database is not kept from it', async () => {
    other = await holdSqlite(`${path}.lock`, [
      'create table holder (pid integer not null)',
      'begin immediate',
    ])
    await expect(holdDatabase(`sqlite:${path}`)).rejects.toThrow('belongs to another Chatto Calls')
    await other.end()
    const held = await holdDatabase(`sqlite:${path}`)
    other = await holdSqlite(path, [`vacuum into '${join(folder, 'copy.db')}'`])
    expect(statSync(join(folder, 'copy.db')).size).toBeGreaterThan(0)
    await held.release()
  })
})
