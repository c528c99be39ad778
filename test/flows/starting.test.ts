import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join as joinPath } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { register } from '../support/api-person.ts'
import { dumpDatabase } from '../support/database-dump.ts'
import { until } from '../support/until.ts'
import { prepareServer, startServer, type ServerProcess } from '../support/server-process.ts'

/** The shipped program as a process: what it prints when it starts, and when it cannot. */
let servers: ServerProcess[] = []
afterEach(async () => {
  for (const server of servers.toReversed()) await server.dispose()
  servers = []
})

async function started(...of: Parameters<typeof startServer>): Promise<ServerProcess> {
  const server = await startServer(...of)
  servers.push(server)
  return server
}

/** What it says, line by line, and its exit code. */
async function refusal(...of: Parameters<typeof prepareServer>) {
  const server = await prepareServer(...of)
  servers.push(server)
  await expect(server.start()).rejects.toThrow('the server did not start')
  return { lines: server.output.trim().split('\n'), code: (await server.gone()).code }
}

describe('a second server on one SQLite file', { timeout: 60_000 }, () => {
  test('is one line that names the first and exit code 1; the call of the first goes on, and nothing is changed', async () => {
    const first = await started()
    const ada = await register(first.url, 'ada')
    const { id: roomId } = await ada.createRoom('kitchen')
    const { call } = await ada.join(roomId, 'a1')
    const { seq } = await ada.room(roomId)
    const path = joinPath(first.folder, 'chatto.db')
    const before = await until('the first has nothing left to do', 10_000, async () => {
      const dump = await dumpDatabase(path)
      return dump.includes('-- effects: 0') ? dump : null
    })

    const { lines, code } = await refusal({
      // With calls off it would end the calls that it finds (R50).
      livekit: null,
      databaseUrl: `sqlite:${path}`,
    })
    expect(lines).toEqual([
      `Chatto Calls cannot start: the SQLite database ${path} belongs to another Chatto Calls that is ` +
        `running (process ${first.pid}): stop that one, or give this one another [database] url`,
    ])
    expect(code).toBe(1)
    expect(await dumpDatabase(path)).toBe(before)
    const room = await ada.room(roomId)
    expect(room.call?.callId).toBe(call.callId)
    expect(room.seq).toBe(seq)
    await ada.post(roomId, 'still here')
    expect((await ada.room(roomId)).seq).toBe(seq + 1)
  })

  test('starts at once when the first was killed, and has what that one had', async () => {
    const first = await started()
    const ada = await register(first.url, 'ada')
    const { id: roomId } = await ada.createRoom('kitchen')
    const { call } = await ada.join(roomId, 'a1')
    await first.kill()

    const databaseUrl = `sqlite:${joinPath(first.folder, 'chatto.db')}`
    await started({ databaseUrl, port: Number(new URL(first.url).port) })
    expect((await ada.room(roomId)).call?.callId).toBe(call.callId)
  })
})

describe('a start that cannot be', { timeout: 60_000 }, () => {
  test('on a taken port is one line and exit code 1, and the call of the server that has it goes on', async () => {
    const first = await started()
    const ada = await register(first.url, 'ada')
    const { id: roomId } = await ada.createRoom('kitchen')
    const { call } = await ada.join(roomId, 'a1')
    const { seq } = await ada.room(roomId)

    const { port } = new URL(first.url)
    const { lines, code } = await refusal({
      port: Number(port),
      // With calls off it would end the calls that it finds (R50).
      livekit: null,
      databaseUrl: `sqlite:${joinPath(first.folder, 'chatto.db')}`,
    })
    expect(lines).toEqual([
      expect.stringMatching(
        new RegExp(`^Chatto Calls cannot start: cannot listen on .*:${port}: the port is taken`),
      ),
    ])
    expect(code).toBe(1)
    const room = await ada.room(roomId)
    expect(room.call?.callId).toBe(call.callId)
    expect(room.seq).toBe(seq)
  })

  test('in a folder that it may not write is one line and exit code 1', async () => {
    // Root may write everywhere but below what is no folder.
    const { lines, code } = await refusal({ databaseUrl: 'sqlite:/dev/null/data/chatto.db' })
    expect(lines).toEqual([
      expect.stringMatching(/^Chatto Calls cannot start: .*\/dev\/null\/data\/chatto\.db.*ENOTDIR/),
    ])
    expect(code).toBe(1)
  })

  test('without a folder for embedded media is one line and exit code 1', async () => {
    const elsewhere = mkdtempSync(joinPath(tmpdir(), 'chatto-elsewhere-'))
    const server = await prepareServer({
      livekit: null,
      env: { CHATTO_LIVEKIT_ENABLED: 'true', CHATTO_LIVEKIT_EMBEDDED: 'true' },
    })
    servers.push(server)
    const media = joinPath(server.folder, 'media')
    symlinkSync(elsewhere, media)
    await expect(server.start()).rejects.toThrow('the server did not start')
    rmSync(elsewhere, { recursive: true })
    expect(server.output).toBe(
      `Chatto Calls cannot start: the embedded media server does not start: ${media} is no folder\n`,
    )
    expect((await server.gone()).code).toBe(1)
  })

  test('with a configuration that is wrong is one line and exit code 1', async () => {
    const { lines, code } = await refusal({ env: { CHATTO_CALLS_JOIN_DEADLINE_S: 'soon' } })
    expect(lines).toEqual([
      expect.stringMatching(/^Chatto Calls cannot start: .*CHATTO_CALLS_JOIN_DEADLINE_S/),
    ])
    expect(code).toBe(1)
  })
})

describe('a start', { timeout: 60_000 }, () => {
  test('a first run whose chatto.toml cannot be written says so, with the reason, and that calls are off', async () => {
    // Root may write everywhere; there nobody can.
    const server = await started({
      cwd: '/proc',
      livekit: null,
      env: { CHATTO_LIVEKIT_ENABLED: '' },
    })
    expect(server.output).toContain(
      'Note: a first run’s configuration cannot be written to /proc/chatto.toml (ENOENT)\n',
    )
    await until('it says that calls are off', 5_000, () =>
      server.output.includes('Calls:               off. To turn them on'),
    )
  })

  test('a configuration file that cannot be read is one line with the reason', async () => {
    const server = await prepareServer({ args: ['--config', '/proc'] })
    servers.push(server)
    await expect(server.start()).rejects.toThrow('the server did not start')
    expect(server.output).toBe(
      'Chatto Calls cannot start: the configuration file /proc cannot be read (EISDIR)\n',
    )
  })

  test('an empty CHATTO_LOG_LEVEL counts as not set', async () => {
    const server = await started({ livekit: null, env: { CHATTO_LOG_LEVEL: '' } })
    expect(server.output).toContain('Chatto Calls is on:')
  })
})

describe('what a start prints', { timeout: 60_000 }, () => {
  test('with a LiveKit of one’s own: its url and the line for livekit.yaml, without the secret', async () => {
    const server = await started()
    await expect.poll(() => server.output).toContain('on, media by LiveKit at ws://127.0.0.1:9')
    await expect
      .poll(() => server.output)
      .toMatch(
        /In livekit\.yaml: +webhook: \{ api_key: \S+, urls: \[http:\S+\/webhooks\/livekit\] \}/,
      )
    expect(server.output).not.toContain(server.livekit.apiSecret)
  })

  test('without one: that calls are off, and how to turn them on', async () => {
    const server = await started({ livekit: null })
    await expect.poll(() => server.output).toMatch(/Calls: +off\. To turn them on, put into chatto/)
    await expect.poll(() => server.output).toContain('[livekit]')
  })
})
