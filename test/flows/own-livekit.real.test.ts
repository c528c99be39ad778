/** A LiveKit of one's own that is not where and as it should be, with the real one (A4 of issue 10). */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import type { Health } from '../../server/protocol/wire.ts'
import type { ApiPerson } from '../support/api-person.ts'
import { openCallHouse, type CallHouse, type CallHouseOptions } from '../support/call-house.ts'
import { openLivekitProxy, type LivekitProxy } from '../support/livekit-proxy.ts'
import { findLivekitServer } from '../support/livekit-server.ts'
import { disposeRtc } from '../support/rtc-person.ts'
import { until } from '../support/until.ts'

const found = findLivekitServer()
const title = 'missing' in found ? `skipped: ${found.missing}` : 'a LiveKit of one’s own'
const skewClock = fileURLToPath(new URL('../support/skew-clock.mjs', import.meta.url))

describe.skipIf('missing' in found)(title, { timeout: 120_000 }, () => {
  let house: CallHouse
  let proxy: LivekitProxy | null = null
  let folder: string | null = null
  let ada: ApiPerson
  let bo: ApiPerson
  let roomId: string

  async function open(options: CallHouseOptions): Promise<void> {
    house = await openCallHouse(options)
    ada = await house.register('ada')
    bo = await house.register('bo')
    roomId = (await ada.createRoom('kitchen')).id
    await ada.addMember(roomId, bo)
  }
  afterEach(async () => {
    await house.dispose()
    proxy?.close()
    if (folder) rmSync(folder, { recursive: true })
    proxy = folder = null
  }, 60_000)
  afterAll(disposeRtc)

  const shows = (what: string[], timeoutMs: number) =>
    until(`shown: ${what.join(', ')}`, timeoutMs, async () => {
      const shown = await bo.shown(roomId)
      return shown.length === what.length && shown.every((line, i) => line === what[i])
    })
  const health = async () => (await ada.request('GET', '/api/admin/health')).body as Health
  /** Warnings by what they are about, as the log has them. */
  const warnings = (trouble: string) =>
    house.server.output
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { level: number; msg: string; trouble?: string })
      .filter((line) => line.trouble === trouble && line.level === 40)
      .map(({ msg }) => msg)
  const behind = (make: (livekitUrl: string) => Promise<LivekitProxy>) => async (url: string) => {
    proxy = await make(url)
    return { CHATTO_LIVEKIT_URL: proxy.url }
  }

  test('R18 R34 under a path: calls, a crashed browser and a removal are as they should be', async () => {
    await open({
      env: behind((livekitUrl) => openLivekitProxy({ livekitUrl, path: '/sfu' })),
    })
    await house.enter(ada, roomId, 'a1')
    const bos = await house.enter(bo, roomId, 'b1')
    await shows(['ada connected', 'bo connected'], 15_000)
    expect(proxy?.paths).toContain('/sfu/twirp/livekit.RoomService/ListRooms')
    expect(await health()).toMatchObject({ livekit: { state: 'reachable', reason: null } })
    await ada.removeMember(roomId, bo)
    await until('Bo is out of LiveKit', 5_000, async () => {
      const there = await house.listed(bos.join)
      return there.length === 1
    })
  })

  test('room.auto_create: false: people come in at the first try, and the history has one call', async () => {
    await open({ livekit: { autoCreate: false } })
    await house.enter(ada, roomId, 'a1')
    await house.enter(bo, roomId, 'b1')
    await shows(['ada connected', 'bo connected'], 15_000)
    await house.livekit.kill()
    await house.livekit.restart()
    // LiveKit has lost the room: it is made again for who comes back, here with a page of its own, since
    // the native client of the first one tries to come back, too, and the same identity would throw one out.
    await house.enter(ada, roomId, 'a2')
    await until('Ada is back', 20_000, async () =>
      (await bo.shown(roomId)).includes('ada connected'),
    )
    const types = (await ada.timeline(roomId)).map((fact) => fact.type)
    expect(types.filter((type) => type.startsWith('call.'))).toEqual(['call.started'])
  })

  test(
    'R37 R54 a name that only browsers resolve: webhooks keep the call, log and health say what is missing and why',
    { timeout: 180_000 },
    async () => {
      await open({
        env: { CHATTO_LIVEKIT_URL: 'ws://livekit.invalid', CHATTO_CALLS_LIVEKIT_AWAY_S: '15' },
        browsersReach: (livekitUrl) => livekitUrl,
      })
      const adas = await house.enter(ada, roomId, 'a1')
      await shows(['ada connected'], 15_000)
      // Bo's calls elsewhere are what LiveKit reports meanwhile.
      const elsewhere = (await bo.createRoom('cellar')).id
      const began = performance.now()
      for (let visit = 0; performance.now() - began < 40_000; visit++) {
        const bos = await house.enter(bo, elsewhere, `b${visit}`)
        await until('Bo is reported', 10_000, async () =>
          (await bo.shown(elsewhere)).includes('bo connected'),
        )
        await bo.leave(elsewhere, bos.join.callId)
        await bos.rtc.leave()
        await until('half of the time is over', 20_000, () =>
          Promise.resolve(performance.now() - began > (visit + 1) * 7_000),
        )
      }
      expect(await bo.call(roomId)).toMatchObject({ callId: adas.join.callId, confirmed: false })
      const { livekit, webhooks } = await health()
      expect(livekit.state).toBe('unreachable')
      expect(livekit.reason).toMatch(/ws:\/\/livekit\.invalid.*resolved.*internal_url/)
      expect(webhooks).toMatchObject({ silent: false, lastAt: expect.any(Number), reason: null })
      expect(warnings('livekit-unreachable')).toEqual([
        `LiveKit cannot be asked who is in a call: ${livekit.reason}`,
      ])
      // None of them comes any more.
      await until('the call is over at last', 40_000, async () => (await bo.call(roomId)) === null)
    },
  )

  test('R34 internal_url: what browsers reach and what this server reaches are two addresses', async () => {
    await open({
      env: (livekitUrl) =>
        Promise.resolve({
          CHATTO_LIVEKIT_URL: 'ws://livekit.invalid',
          CHATTO_LIVEKIT_INTERNAL_URL: livekitUrl.replace('ws', 'http'),
        }),
      browsersReach: (livekitUrl) => livekitUrl,
    })
    const adas = await house.enter(ada, roomId, 'a1')
    const bos = await house.enter(bo, roomId, 'b1')
    expect(adas.join.livekitUrl).toBe('ws://livekit.invalid')
    await shows(['ada connected', 'bo connected'], 15_000)
    expect(await health()).toMatchObject({ livekit: { state: 'reachable' }, troubles: [] })
    await bos.rtc.leave()
    await shows(['ada connected'], 25_000)
  })

  test('R54 a private certificate: the cause, the address and the way out', async () => {
    folder = mkdtempSync(join(tmpdir(), 'chatto-cert-'))
    const tlsFolder = folder
    await open({
      env: behind((livekitUrl) => openLivekitProxy({ livekitUrl, tlsFolder })),
      browsersReach: (livekitUrl) => livekitUrl,
    })
    await house.enter(ada, roomId, 'a1')
    await until('health knows', 10_000, async () => (await health()).livekit.reason !== null)
    const { livekit } = await health()
    expect(livekit.reason).toContain(`the certificate of ${proxy?.url} is not trusted`)
    expect(livekit.reason).toContain('NODE_EXTRA_CA_CERTS')
    expect(warnings('livekit-unreachable')).toHaveLength(1)
    expect(await ada.shown(roomId)).toEqual(['ada connected'])
  })

  test.each([
    [120_000, 'unreachable', 'is 120 s behind this server’s: it takes neither'],
    [-120_000, 'reachable', 'is 120 s ahead of this server’s: its webhooks are refused here'],
    [-420_000, 'reachable', 'is 420 s ahead of this server’s: a join has run out'],
    [-50_000, 'reachable', 'is 50 s ahead of this server’s: beyond 60 s nobody'],
  ])(
    'R54 our clock is %i ms ahead of LiveKit’s: named with its figure, once',
    async (skewMs, state, text) => {
      await open({
        env: { NODE_OPTIONS: `--import ${skewClock}`, SKEW_MS: String(skewMs) },
      })
      await ada.join(roomId, 'a1')
      await until(
        'the clocks were compared',
        15_000,
        async () => (await health()).livekit.skewMs !== null,
      )
      const { livekit, troubles } = await health()
      expect(Math.abs((livekit.skewMs ?? NaN) + skewMs)).toBeLessThan(2_000)
      expect(livekit.state).toBe(state)
      // A second more or less is the network's.
      const near = (message: string) =>
        message
          .replace(/\b(119|121)\b/, '120')
          .replace(/\b(419|421)\b/, '420')
          .replace(/\b(49|51)\b/, '50')
      expect(troubles.map(({ message }) => near(message)).join('\n')).toContain(text)
      expect(warnings('livekit-clock').map(near)).toEqual([expect.stringContaining(text)])
      expect(house.server.output).not.toContain('does not take the API key')
      expect(house.server.output).not.toContain('sends no webhooks')
      if (state === 'unreachable') expect(livekit.reason).toContain('clock')
    },
  )
})
