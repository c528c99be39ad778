import { readFileSync, readdirSync } from 'node:fs'
import { join as joinPath } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { openStore } from '../../persistence/open-store.ts'
import { register } from '../support/api-person.ts'
import { reportUp } from '../support/livekit-report.ts'
import { watchLive } from '../support/live-watch.ts'
import { startServer, type ServerProcess } from '../support/server-process.ts'
import { until } from '../support/until.ts'

/** The shipped program as a process: how it stops, and what it leaves in its files. */
let server: ServerProcess
afterEach(() => server.dispose())

describe('SIGTERM', { timeout: 60_000 }, () => {
  test('R49 what was answered is kept, sockets are told to come back, nobody falls out of the call', async () => {
    server = await startServer()
    const ada = await register(server.url, 'ada')
    const bo = await register(server.url, 'bo')
    const { id: roomId } = await ada.createRoom('kitchen')
    await ada.addMember(roomId, bo)
    const join = await ada.join(roomId, 'a1')
    await reportUp(server, join)
    await bo.join(roomId, 'b1')
    const watch = await watchLive(server.url, bo)

    // Ada talks and talks while the server is asked to stop.
    const answered: number[] = []
    const others: number[] = []
    let isTalking = true
    const talk = async () => {
      while (isTalking) {
        const text = `word ${answered.length}`
        try {
          const { status, body } = await ada.request('POST', `/api/rooms/${roomId}/messages`, {
            text,
          })
          if (status === 201) answered.push((body as { seq: number }).seq)
          else others.push(status)
        } catch {
          return
        }
      }
    }
    const talking = [talk(), talk(), talk(), talk()]
    await until('much was said', 15_000, () => answered.length >= 20)
    const { code, tookMs } = await server.terminate()
    isTalking = false
    await Promise.all(talking)

    expect(code).toBe(0)
    expect(tookMs).toBeLessThan(10_000)
    expect(await watch.untilClosed()).toBe(1012)
    expect(others.filter((status) => status !== 503)).toEqual([])
    console.info(`SIGTERM: gone after ${Math.round(tookMs)} ms, ${answered.length} answers kept`)

    await server.start()
    const again = await watchLive(server.url, bo, watch)
    const { seq } = await bo.room(roomId)
    await again.untilSeq(roomId, seq)
    const said = again.facts(roomId).filter((fact) => fact.type === 'message.posted')
    expect(said.map((fact) => fact.seq)).toEqual(expect.arrayContaining(answered))
    expect(again.facts(roomId).filter((fact) => fact.type !== 'message.posted')).toEqual([])
    expect(await bo.shown(roomId)).toEqual(['ada connected', 'bo joining'])
    // The pages come back by themselves: nothing is joined twice (R8).
    await bo.join(roomId, 'b1')
    expect((await bo.room(roomId)).seq).toBe(seq)
  })

  test('a stop while nothing goes on is quick', async () => {
    server = await startServer()
    expect(await server.terminate()).toMatchObject({ code: 0 })
  })
})

test(
  'R42 R43 five seconds after the last leave no byte of the call’s key is in the files',
  { timeout: 60_000 },
  async () => {
    server = await startServer()
    const ada = await register(server.url, 'ada')
    const { id: roomId } = await ada.createRoom('kitchen')
    const { callId } = await ada.join(roomId, 'a1')
    const beside = await openStore(`sqlite:${joinPath(server.folder, 'chatto.db')}`)
    const sealedKey = (await beside.calls.key(callId))?.sealedKey ?? ''
    await beside.close()
    expect(sealedKey.length).toBeGreaterThan(60)
    const isOnDisk = () =>
      readdirSync(server.folder)
        .filter((name) => name.startsWith('chatto.db'))
        .some((name) =>
          readFileSync(joinPath(server.folder, name)).includes(sealedKey.slice(0, 40)),
        )
    // A WAL that was checkpointed by the one beside holds nothing: then the database does.
    expect(isOnDisk()).toBe(true)

    await ada.leave(roomId, callId)
    const leftAt = performance.now()
    await until('the key is out of the files', 10_000, () => !isOnDisk())
    const tookMs = performance.now() - leftAt
    console.info(`R43: shredded in the files after ${Math.round(tookMs)} ms`)
    expect(tookMs).toBeLessThan(5_000)
  },
)

test(
  'R50 calls that were on end when calls are switched off, and stay ended when they are on again',
  { timeout: 60_000 },
  async () => {
    server = await startServer()
    const ada = await register(server.url, 'ada')
    const { id: roomId } = await ada.createRoom('kitchen')
    const before = await ada.join(roomId, 'a1')
    await server.kill()
    await server.start({ CHATTO_LIVEKIT_ENABLED: 'false' })
    const ended = (await ada.timeline(roomId)).find((fact) => fact.type === 'call.ended')
    expect(ended).toMatchObject({ callId: before.callId, reason: 'calls-disabled' })
    expect(await ada.call(roomId)).toBeNull()
    expect(await ada.request('POST', `/api/rooms/${roomId}/call/join`, {})).toEqual({
      status: 200,
      body: null,
    })
    await server.kill()
    await server.start({ CHATTO_LIVEKIT_ENABLED: 'true' })
    expect(await ada.call(roomId)).toBeNull()
    expect((await ada.join(roomId, 'a1')).callId).not.toBe(before.callId)
  },
)
