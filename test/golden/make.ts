/**
 * Makes the fixtures that later versions must be able to open: `node --import tsx test/golden/make.ts
 * NAME` writes `test/golden/NAME/`. Run it once before a version is landed; what is there is never made anew.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import sqlite3 from 'sqlite3'
import { viewOfCall } from '../../machines/call.view.ts'
import { toEnvelope } from '../../server/rooms/snapshot-envelope.ts'
import { tellCall, type CallStory } from '../support/call-story.ts'
import { runApp } from '../support/running-app.ts'

const name = process.argv[2] ?? ''
const folder = join(resolve(fileURLToPath(import.meta.url), '..'), name)
if (!/^v\d+$/.test(name)) throw new Error('give it a name: v1, v2 …')
if (existsSync(folder)) throw new Error(`${folder} is there already`)
mkdirSync(folder)

const pair = () =>
  tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_a1').join('bo', 'b1').up('bo', 'b1', 'PA_b1')
const stories: Record<string, CallStory> = {
  joining: tellCall().join('ada', 'a1'),
  connected: pair(),
  doubtful: pair().gone('ada', 'a1', 'PA_a1'),
  closing: pair().close('ada', 'a1'),
  handover: pair().join('ada', 'a2').up('ada', 'a2', 'PA_a2'),
  rotated: pair().join('eve', 'e1').lose('eve'),
  unconfirmed: pair().away(1_000_000),
}
const snapshots = Object.fromEntries(
  Object.entries(stories).map(([key, story]) => [
    key,
    {
      envelope: toEnvelope(story.last.snapshot, story.facts.length),
      view: viewOfCall(story.context),
    },
  ]),
)
writeFileSync(join(folder, 'snapshots.json'), `${JSON.stringify(snapshots, null, 2)}\n`)

const app = await runApp({ logLevel: 'silent' })
const ada = await app.signUp('ada')
const bo = await app.signUp('bo')
const room = await ada.makeRoom('Harbour')
await bo.enter(room)
await ada.say(room, 'Good morning')
const first = await ada.join(room)
await ada.hangUp(first)
const adas = await ada.join(room)
const bos = await bo.join(room)
await app.report({ event: 'participant_joined', join: adas })
await app.report({ event: 'participant_joined', join: bos })
const copy = join(app.folder, 'golden.db')
await app.stop()
await new Promise<void>((done, failed) => {
  const database = new sqlite3.Database(app.databasePath)
  database.run('vacuum into ?', [copy], (error: Error | null) => {
    if (error) failed(error)
    else database.close(() => done())
  })
})
writeFileSync(join(folder, 'chatto.db.gz'), gzipSync(readFileSync(copy), { level: 9 }))
writeFileSync(
  join(folder, 'told.json'),
  `${JSON.stringify(
    {
      keyEncryptionKey: readFileSync(`${app.databasePath}.key`, 'utf8').trim(),
      token: ada.token,
      roomId: room.id,
      callId: adas.callId,
      e2eeKey: adas.e2eeKey,
      people: [ada.id, bo.id],
    },
    null,
    2,
  )}\n`,
)
await app.close()
process.exit(0)
