import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { defaultTiming } from '../../machines/call.context.ts'
import { viewOfCall, type CallView } from '../../machines/call.view.ts'
import type { SnapshotEnvelope } from '../../persistence/store.ts'
import type { Call, Fact, Join } from '../../server/protocol/wire.ts'
import { fromStored } from '../../server/rooms/snapshot-envelope.ts'
import { tellCall } from '../support/call-story.ts'
import { runApp } from '../support/running-app.ts'

const here = resolve(fileURLToPath(import.meta.url), '..')
const versions = readdirSync(here).filter((name) => /^v\d+$/.test(name))
const read = <T>(...path: string[]) => JSON.parse(readFileSync(join(here, ...path), 'utf8')) as T

test.each(versions)('R49 the snapshots of %s are read and shown as they were', (version) => {
  const snapshots = read<Record<string, { envelope: SnapshotEnvelope; view: CallView }>>(
    version,
    'snapshots.json',
  )
  expect(Object.keys(snapshots).length).toBeGreaterThan(5)
  for (const [name, { envelope, view }] of Object.entries(snapshots)) {
    const { context } = fromStored({ envelope, people: [] }, defaultTiming)
    expect(viewOfCall(context), name).toEqual(view)
    // The call goes on: everybody leaves, and it ends.
    const story = tellCall('room', {}, context)
    for (const { userId } of view.participants) story.leave(userId)
    expect(story.value, name).toBe('ended')
  }
})

test.each(versions)(
  'R49 a database of %s opens, and its call goes on with its key',
  async (version) => {
    const told = read<{
      keyEncryptionKey: string
      token: string
      roomId: string
      callId: string
      e2eeKey: string
      people: string[]
    }>(version, 'told.json')
    const folder = mkdtempSync(join(tmpdir(), 'chatto-golden-'))
    writeFileSync(
      join(folder, 'chatto.db'),
      gunzipSync(readFileSync(join(here, version, 'chatto.db.gz'))),
    )
    const app = await runApp({
      folder,
      logLevel: 'silent',
      env: { CHATTO_SECURITY_KEY_ENCRYPTION_KEY: told.keyEncryptionKey },
      // Sessions of that day are still good then.
      now: () => Date.parse('2026-11-26T12:00:00Z'),
    })
    try {
      const headers = { authorization: `Bearer ${told.token}` }
      const call = await app.ask('GET', `/api/rooms/${told.roomId}/call`, { headers })
      expect((call.body as Call).callId).toBe(told.callId)
      expect((call.body as Call).participants.map((p) => p.userId).toSorted()).toEqual(
        told.people.toSorted(),
      )
      const timeline = await app.ask('GET', `/api/rooms/${told.roomId}/timeline`, { headers })
      const types = (timeline.body as { entries: Fact[] }).entries.map((fact) => fact.type)
      expect(types).toEqual(
        expect.arrayContaining(['message.posted', 'call.started', 'call.ended', 'member.joined']),
      )
      const join = await app.ask('POST', `/api/rooms/${told.roomId}/call/join`, {
        headers,
        body: {},
      })
      expect((join.body as Join).e2eeKey).toBe(told.e2eeKey)
      expect((join.body as Join).callId).toBe(told.callId)
    } finally {
      await app.stop()
      rmSync(folder, { recursive: true })
    }
  },
)
