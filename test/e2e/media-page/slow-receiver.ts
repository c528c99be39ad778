/**
 * A call of three with a screen and a camera, as the product sends them: Cleo’s line takes 220 kbit/s, Bo’s
 * takes everything. Tells how much of the sound each of them lost, and whether there was a picture.
 */
import { randomBytes } from 'node:crypto'
import type { Browser } from '@playwright/test'
import { tokenFor, type MediaServerHandle } from '../../media/media-under-test.ts'
import { openSlowLine } from '../../support/slow-line.ts'
import { until } from '../../support/until.ts'
import { openPage, type PagePerson } from './page-person.ts'

export interface Heard {
  /** Of the samples that were played, invented because what was sent had not come. */
  concealed: number
  /** Decoded frames a second of the screen and of the camera. */
  screen: number
  camera: number
  screenSize: string
  quality: string
}

export interface SlowReceiverOptions {
  media: MediaServerHandle
  udpPort: number
  browser: Browser
  pageUrl: string
  bitrate: number
  queueMs?: number
  settleMs: number
  measureMs: number
  note?(line: string): void
}

export async function measureSlowReceiver(
  options: SlowReceiverOptions,
): Promise<{ fast: Heard; slow: Heard; log: string }> {
  const { media, browser, pageUrl, settleMs, measureMs, note } = options
  const line = await openSlowLine(options.udpPort, { ...options })
  const e2eeKey = randomBytes(32).toString('base64')
  const people: PagePerson[] = []

  async function enter(identity: string, through?: number): Promise<PagePerson> {
    const person = await openPage(browser, pageUrl, through)
    people.push(person)
    const token = await tokenFor(media, 'slow', identity)
    const refusal = await person.join({
      url: media.url,
      token,
      e2eeKey,
      singlePeerConnection: true,
      isAsProduct: true,
    })
    if (refusal) throw new Error(`${identity} does not come in: ${refusal.reason}`)
    return person
  }

  try {
    const ada = await enter('ada')
    const bo = await enter('bo')
    await ada.publish('tone')
    await ada.publish('large-screen')
    await bo.publish('tone')
    await bo.publish('camera')
    const cleo = await enter('cleo', line.port)
    await cleo.publish('tone')
    await ada.untilFlows('cleo microphone')
    await bo.untilFlows('ada screen')
    await until('Cleo hears Ada and Bo', 20_000, async () => {
      const [a, b] = [await cleo.find('ada microphone'), await cleo.find('bo microphone')]
      return (a?.energy ?? 0) > 0 && (b?.energy ?? 0) > 0
    })
    await pause(settleMs)
    const before = await Promise.all([count(bo), count(cleo)])
    const steps = 5
    for (let step = 0; step < steps; step += 1) {
      await pause(measureMs / steps)
      note?.(`bo ${JSON.stringify(await bo.received())}`)
      note?.(`cleo ${JSON.stringify(await cleo.received())} dropped ${line.dropped}`)
    }
    const after = await Promise.all([count(bo), count(cleo)])
    const [fast, slow] = [0, 1].map((index) => toHeard(before[index], after[index], measureMs))
    if (!fast || !slow) throw new Error('nothing was counted')
    return { fast, slow, log: (await cleo.log()).join('\n') }
  } finally {
    await Promise.all(people.map((person) => person.close()))
    await line.close()
  }
}

interface Count {
  samples: number
  concealed: number
  screen: number
  camera: number
  screenSize: string
  quality: string
}

/** Of the others’ tracks; who does not publish one has none. */
async function count(person: PagePerson): Promise<Count> {
  const received = await person.received()
  const sounds = received.filter(({ track }) => track.endsWith('microphone'))
  const sum = (numbers: number[]) => numbers.reduce((total, number) => total + number, 0)
  const screen = received.find(({ track }) => track === 'ada screen')
  return {
    samples: sum(sounds.map(({ samples }) => samples)),
    concealed: sum(sounds.map(({ concealed }) => concealed)),
    screen: screen?.frames ?? 0,
    screenSize: screen?.size ?? '',
    camera: received.find(({ track }) => track === 'bo camera')?.frames ?? 0,
    quality: await person.quality(),
  }
}

function toHeard(before: Count | undefined, after: Count | undefined, ms: number): Heard {
  if (!before || !after) throw new Error('nothing was counted')
  const perSecond = (pick: 'screen' | 'camera') => (after[pick] - before[pick]) / (ms / 1000)
  return {
    concealed: (after.concealed - before.concealed) / (after.samples - before.samples),
    screen: perSecond('screen'),
    camera: perSecond('camera'),
    screenSize: after.screenSize,
    quality: after.quality,
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
