/** Twenty rounds of coming and going leave the media server as it was. */
import { readdirSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, describe, expect, test } from 'vitest'
import { disposeMediaPeople, joinMedia, type Path } from './media-person.ts'
import { tokenFor } from './media-under-test.ts'
import { startEmbeddedMedia } from '../support/embedded-media.ts'
import { mediaKeys, startMediaCarrier } from '../support/media-carrier.ts'
import { until } from '../support/until.ts'

const rounds = 20
/** What is loaded and kept once. */
const warmUpRounds = 3
const settleTimeoutMs = 20_000

describe('twenty rounds of two people who come, show, talk and go', { timeout: 240_000 }, () => {
  afterAll(async () => {
    await disposeMediaPeople()
  }, 30_000)

  test('leave the media process its file descriptors, sockets and memory', async () => {
    const media = await startEmbeddedMedia({ departureTimeoutS: 0 })
    try {
      for (let i = 0; i < warmUpRounds; i += 1) await round(media, i)
      const before = await settled(() => openFiles(media.mediaPid))
      const webBefore = openFiles(media.webPid)
      const memoryBefore = residentMb(media.mediaPid)
      for (let i = 0; i < rounds; i += 1) await round(media, i)
      await until(`${before} open files again`, settleTimeoutMs, () => {
        return openFiles(media.mediaPid) <= before && openFiles(media.webPid) <= webBefore
      })
      expect(residentMb(media.mediaPid) - memoryBefore).toBeLessThan(40)
    } finally {
      await media.dispose()
    }
  })

  test('leave no timer, no socket and no memory behind', async () => {
    const media = await startMediaCarrier({ times: { departureTimeoutS: 0 } })
    const keyed = { ...mediaKeys, url: media.url }
    try {
      for (let i = 0; i < warmUpRounds; i += 1) await round(keyed, i)
      await untilEmpty()
      const before = resources()
      const heapBefore = heapMb()
      for (let i = 0; i < rounds; i += 1) await round(keyed, i)
      await untilEmpty()
      await until(`${JSON.stringify(before)} again`, settleTimeoutMs, () => {
        const now = resources()
        return now.timers <= before.timers && now.udp <= before.udp && now.tcp <= before.tcp
      })
      // The events that the test itself keeps are in it.
      expect(heapMb() - heapBefore).toBeLessThan(10)
    } finally {
      await media.close()
    }

    function untilEmpty() {
      return until('nobody is there', settleTimeoutMs, () => media.server.stats().rooms === 0)
    }
  })
})

async function round(
  media: { url: string; apiKey: string; apiSecret: string },
  index: number,
): Promise<void> {
  const path: Path = index % 2 === 0 ? 'v1' : 'v0'
  const join = async (identity: string) => {
    const token = await tokenFor(media, `leaks-${index}`, identity)
    return joinMedia({ url: media.url, token, e2eeKey: 'the same for all', path })
  }
  const [ada, bo] = [await join('ada'), await join('bo')]
  try {
    await ada.show('camera')
    await ada.play(440)
    await bo.untilPictures('ada', 2)
    await bo.untilLog('subscribed ada microphone')
  } finally {
    await ada.leave()
    await bo.leave()
  }
}

const openFiles = (pid: number) => readdirSync(`/proc/${pid}/fd`).length

function residentMb(pid: number): number {
  const [, kb] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kb) / 1024
}

/** The number once it has been the same for a while. */
async function settled(read: () => number): Promise<number> {
  let last = read()
  let times = 0
  return until('the number stays', settleTimeoutMs, () => {
    const now = read()
    times = now === last ? times + 1 : 0
    last = now
    return times > 50 ? { now } : null
  }).then(({ now }) => now)
}

function resources() {
  const all = process.getActiveResourcesInfo()
  const count = (name: string) => all.filter((one) => one === name).length
  return {
    timers: count('Timeout'),
    udp: count('UDPWrap'),
    tcp: count('TCPSocketWrap'),
  }
}

function heapMb(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let i = 0; i < 3; i += 1) collect()
  return process.memoryUsage().heapUsed / 2 ** 20
}
