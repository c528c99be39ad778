import sqlite3 from 'sqlite3'
import { expect, test } from 'vitest'
import type { Call } from '../../server/protocol/wire.ts'
import { runApp, type RunningApp } from '../support/running-app.ts'

/** The file as it would lie there after a bad day. */
async function change(app: RunningApp, statement: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const database = new sqlite3.Database(app.databasePath)
    database.run(statement, (error: Error | null) => {
      if (error) reject(error)
      else database.close(() => resolve())
    })
  })
}

test.each([
  ['of another version', `update calls set envelope = json_set(envelope, '$.version', 99)`],
  ['without its people', 'delete from call_people'],
  ['without its connections', 'delete from call_connections'],
  [
    'of another machine',
    `update calls set envelope = json_set(envelope, '$.machineId', 'toaster')`,
  ],
  ['empty', `update calls set envelope = json_set(envelope, '$.snapshot', json('null'))`],
])(
  'R49 a stored snapshot %s: the call is made anew from its facts, and goes on',
  async (_, broken) => {
    const before = await runApp()
    const ada = await before.signUp('ada')
    const bo = await before.signUp('bo')
    const room = await ada.makeRoom('Harbour')
    await bo.enter(room)
    const adas = await ada.join(room)
    const bos = await bo.join(room)
    await before.report({ event: 'participant_joined', join: adas })
    await before.report({ event: 'participant_joined', join: bos })
    const shown = await ada.get<Call>(`/api/rooms/${room.id}/call`)
    await before.stop()
    await change(before, broken)

    const after = await runApp({ folder: before.folder })
    try {
      const headers = { authorization: `Bearer ${ada.token}` }
      const call = (await after.ask('GET', `/api/rooms/${room.id}/call`, { headers })).body as Call
      // Nobody left, nobody joined, nothing was told.
      expect(call).toEqual(shown)
      // A webhook about somebody who was there finds them, and a hang-up works.
      const report = { event: 'participant_left', join: bos, reason: 'CLIENT_INITIATED' }
      expect((await after.report(report)).status).toBe(200)
      const left = await after.ask('POST', `/api/rooms/${room.id}/call/leave`, {
        headers,
        body: { callId: adas.callId },
      })
      expect(left.body).toEqual({ left: true })
      expect(after.logLines.join('\n')).toContain('a call is made anew from its facts')
    } finally {
      await after.close()
    }
  },
)
