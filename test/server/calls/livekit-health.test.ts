import { pino } from 'pino'
import { beforeEach, expect, test } from 'vitest'
import { createLivekitHealth } from '../../../server/calls/livekit-health.ts'
import { createTroubles, type Troubles } from '../../../server/troubles.ts'

let at = 1_800_000_000_000
let lines: string[]
let troubles: Troubles

beforeEach(() => {
  lines = []
})

function open() {
  const log = pino(
    { level: 'info' },
    { write: (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg) },
  )
  troubles = createTroubles({ now: () => at, log })
  const webhookUrl = 'https://chatto.example/webhooks/livekit'
  return createLivekitHealth({ now: () => at, troubles, webhookUrl })
}

test('R38 webhooks are silent when a listing showed Ada and none told of her since', () => {
  const health = open()
  health.listingKnewMore(at)
  expect(health.webhooksAreDoubted()).toBe(true)
  expect(health.state().webhooks).toEqual({ silent: false, lastAt: null, reason: null })
  at += 2_000
  expect(health.state().webhooks).toMatchObject({ silent: true, lastAt: null })
  health.webhookSeen(at, true)
  expect(health.webhooksAreDoubted()).toBe(false)
  expect(health.state().webhooks).toEqual({ silent: false, lastAt: at, reason: null })
})

test('R38 a listing that is a little faster than the webhook of the same join says nothing of them', () => {
  const health = open()
  health.webhookSeen(at, true)
  at += 60_000
  health.listingKnewMore(at)
  at += 300
  health.webhookSeen(at, true)
  at += 60_000
  expect(health.state().webhooks.silent).toBe(false)
  expect(health.webhooksAreDoubted()).toBe(false)
})

test('R38 a listing that began before the webhook came knew no more than that', () => {
  const health = open()
  health.webhookSeen(at, true)
  health.listingKnewMore(at + 1_500)
  expect(health.webhooksAreDoubted()).toBe(false)
})

test('R38 R54 silent webhooks: one warning, which names the address to enter; an end that is told', () => {
  const health = open()
  health.listingKnewMore(at)
  for (let pass = 0; pass < 3; pass++) {
    at += 2_000
    health.reached()
  }
  expect(lines).toEqual([
    expect.stringContaining('Set webhook.urls in livekit.yaml to https://chatto.example/webhooks'),
  ])
  expect(health.state().webhooks.reason).toBe(lines[0])
  expect(troubles.list()).toMatchObject([{ part: 'webhooks', code: 'webhooks-silent' }])
  health.webhookSeen(at, true)
  expect(lines.at(-1)).toBe('LiveKit’s webhooks arrive again')
  expect(troubles.list()).toEqual([])
})

test('R54 webhooks that are refused for the time are no webhooks that are not sent', () => {
  const health = open()
  health.webhookRefused({ is: 'clock', skewMs: 119_425 })
  health.listingKnewMore(at)
  at += 2_000
  health.reached()
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('clock is 119 s ahead of this server’s: its webhooks are refused here')
  expect(lines[0]).not.toContain('webhook.urls')
  expect(health.state().webhooks.reason).toBe(lines[0])
})

test('R54 an old webhook that somebody sends again says nothing of clocks that agree', () => {
  const health = open()
  health.clockRead(400)
  health.webhookRefused({ is: 'clock', skewMs: -900_000 })
  expect(lines).toEqual([])
  expect(health.state().webhooks.reason).toBeNull()
})

test('R54 webhooks of another key: the setting is named, once they are missed', () => {
  const health = open()
  health.webhookRefused({ is: 'key' })
  expect(health.state().webhooks.reason).toBeNull()
  health.listingKnewMore(at)
  at += 2_000
  health.reached()
  expect(lines).toEqual([expect.stringContaining('webhook.api_key')])
})

test.each([
  [-120_000, 'LiveKit’s clock is 120 s behind this server’s: it takes neither'],
  [119_000, 'LiveKit’s clock is 119 s ahead of this server’s: its webhooks are refused here'],
  [420_000, 'LiveKit’s clock is 420 s ahead of this server’s: a join has run out before LiveKit'],
  [50_000, 'LiveKit’s clock is 50 s ahead of this server’s: beyond 60 s nobody can come in'],
])(
  'R54 clocks that are %i ms apart: one warning with the figure, in health too',
  (skewMs, text) => {
    const health = open()
    for (const jitter of [0, 900, -800, 400]) {
      health.clockRead(skewMs + jitter)
      at += 61_000
    }
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(text)
    expect(health.state().livekit).toMatchObject({ state: 'reachable', skewMs: skewMs + 400 })
    expect(troubles.list()).toMatchObject([{ part: 'clock', message: lines[0] }])
    health.clockRead(800)
    expect(troubles.list()).toEqual([])
    expect(lines).toHaveLength(2)
  },
)

test('R54 clocks that agree within half a minute are nobody’s business', () => {
  const health = open()
  health.clockRead(29_000)
  health.clockRead(-29_000)
  expect(lines).toEqual([])
})

test('R54 LiveKit cannot be asked: the cause stands in the log once, and in health for as long as it lasts', () => {
  const health = open()
  const error = new Error('nothing listens at ws://127.0.0.1:7880 (ECONNREFUSED)')
  health.failed(error)
  at += 2_000
  health.failed(error)
  expect(lines).toEqual([`LiveKit cannot be asked who is in a call: ${error.message}`])
  expect(health.state().livekit).toMatchObject({ state: 'unreachable', reason: error.message })
  health.reached()
  expect(lines.at(-1)).toBe('LiveKit answers again')
  expect(health.state().livekit).toMatchObject({ state: 'reachable', reason: null })
})

test('R54 causes that take turns every two seconds fill no log', () => {
  const health = open()
  for (let pass = 0; pass < 30; pass++) {
    health.failed(new Error(pass % 2 ? 'refused' : 'not in time'))
    at += 2_000
  }
  expect(lines).toHaveLength(1)
  expect(health.state().livekit.reason).toBe('refused')
  health.failed(new Error('another'))
  expect(lines).toHaveLength(2)
})

test('R54 what nobody notices any more is over after an hour', () => {
  open()
  troubles.raise({ part: 'proxy', code: 'untrusted', message: 'set trusted_proxies' })
  at += 3_600_001
  expect(troubles.list()).toEqual([])
})
