import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { AppError } from '../../../server/errors.ts'
import { createClock } from '../../../server/time/clock.ts'
import type { Report } from '../../../server/livekit/to-call-event.ts'
import { verifyWebhook } from '../../../server/livekit/webhook-signature.ts'
import { createWebhookReceiver } from '../../../server/livekit/webhook-receiver.ts'
import { apiKey, apiSecret, claimsFor, signWebhook } from '../../support/webhook-token.ts'

const nowMs = 1_800_000_000_000
const body = JSON.stringify({
  event: 'participant_joined',
  id: 'EV_1',
  room: { name: 'house.room1@call1', sid: 'RM_1', turnPassword: 'never-to-be-seen' },
  participant: { sid: 'PA_1', identity: 'ada:page1', state: 'ACTIVE' },
})

function receiver({
  store = () => Promise.resolve(),
  livekit = { apiKey, apiSecret },
}: {
  store?: () => Promise<void>
  livekit?: { apiKey: string; apiSecret: string } | null
} = {}) {
  const lines: string[] = []
  const taken: Report[] = []
  const ignored: Report[] = []
  const seen: number[] = []
  const service = createWebhookReceiver({
    verify: livekit && ((...sent) => verifyWebhook(livekit, ...sent, nowMs)),
    installationId: 'house',
    clock: createClock(() => nowMs),
    onEvent: (report) => {
      taken.push(report)
      return store()
    },
    onIgnored: (report) => ignored.push(report),
    onRefused: () => undefined,
    onSeen: (at) => seen.push(at),
    log: pino({ level: 'trace' }, { write: (line: string) => lines.push(line) }),
  })
  const receive = (rawBody: string, token?: string) => service.receive(Buffer.from(rawBody), token)
  const send = (rawBody: string) =>
    receive(rawBody, signWebhook({ claims: claimsFor(rawBody, nowMs) }))
  return { service, receive, send, lines, taken, ignored, seen }
}

test('R22 Ada’s report is acknowledged only when it is stored', async () => {
  let stored = () => {}
  const { send, taken, seen } = receiver({
    store: () => new Promise((resolve) => (stored = resolve)),
  })
  let acknowledged = false
  const answer = send(body).then(() => (acknowledged = true))
  await vi.waitFor(() => expect(taken).toHaveLength(1))
  expect(acknowledged).toBe(false)
  stored()
  await answer
  expect(taken).toMatchObject([{ kind: 'call-event', webhookId: 'EV_1', roomId: 'room1' }])
  expect(seen).toEqual([nowMs])
})

test('R22 what is ignored is acknowledged, and recorded', async () => {
  const { send, taken, ignored, seen } = receiver()
  await send(body.replace('participant_joined', 'track_published'))
  await send(body.replace('house.', 'another.'))
  expect(ignored).toMatchObject([{ reason: 'not-a-call-event' }, { reason: 'foreign-room' }])
  expect(taken).toEqual([])
  expect(seen).toHaveLength(2)
})

test.each([
  ['the database is away', new Error('SQLITE_BUSY')],
  ['a commit failed', new AppError('unavailable', 'the commit failed')],
  [
    'anything of ours says something that LiveKit would take for delivered',
    new AppError('conflict', 'x'),
  ],
])('R22 when %s LiveKit is told to try again', async (_name, error) => {
  const { send, lines } = receiver({ store: () => Promise.reject(error) })
  await expect(send(body)).rejects.toMatchObject({ code: 'unavailable', status: 503 })
  expect(lines.join()).toContain('EV_1')
})

describe('R22 within five seconds', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  test('a report that is not stored in time is for LiveKit to send again', async () => {
    const { send } = receiver({ store: () => new Promise(() => {}) })
    const answer = expect(send(body)).rejects.toMatchObject({ code: 'unavailable', status: 503 })
    await vi.advanceTimersByTimeAsync(5_000)
    await answer
    expect(vi.getTimerCount()).toBe(0)
  })

  test('what fails after that is nobody’s unhandled error', async () => {
    let fail = (_error: Error) => {}
    const { send } = receiver({ store: () => new Promise((_resolve, reject) => (fail = reject)) })
    const answer = expect(send(body)).rejects.toMatchObject({ code: 'unavailable' })
    await vi.advanceTimersByTimeAsync(5_000)
    await answer
    fail(new Error('too late'))
    await vi.advanceTimersByTimeAsync(1)
  })
})

test('R21 nothing is touched by what LiveKit did not sign', async () => {
  const { receive, taken, ignored, seen, lines } = receiver()
  const forged = signWebhook({
    claims: claimsFor(body, nowMs),
    secret: 'a-guess-of-32-characters-long!!!',
  })
  for (const token of [undefined, '', 'x', forged]) {
    await expect(receive(body, token)).rejects.toMatchObject({ code: 'not-signed-in', status: 401 })
  }
  const signed = signWebhook({ claims: claimsFor(body, nowMs) })
  await expect(receive(`${body} `, signed)).rejects.toMatchObject({ status: 401 })
  expect([...taken, ...ignored, ...seen]).toEqual([])
  expect(lines.map((line) => (JSON.parse(line) as { why?: string }).why)).toEqual([
    'missing',
    'missing',
    'malformed',
    'bad-signature',
    'altered-body',
  ])
})

test('R21 clocks that differ are named in the log', async () => {
  const { receive, lines } = receiver()
  const token = signWebhook({ claims: claimsFor(body, nowMs + 120_000) })
  await expect(receive(body, token)).rejects.toMatchObject({ status: 401 })
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({ why: 'not-yet', clockSkewMs: 120_000 })
})

test('what LiveKit signed and cannot be read is a bad request', async () => {
  const { send, taken } = receiver()
  await expect(send('{')).rejects.toMatchObject({ code: 'invalid-request', status: 400 })
  expect(taken).toEqual([])
})

test('R5 no body, token or secret is ever in the log', async () => {
  const { receive, send, lines } = receiver({ store: () => Promise.reject(new Error('broken')) })
  const token = signWebhook({ claims: claimsFor(body, nowMs) })
  await send(body).catch(() => undefined)
  await send(`${body}}`).catch(() => undefined)
  await receive(`${body} `, token).catch(() => undefined)
  await receive(body, `${token}x`).catch(() => undefined)
  expect(lines).toHaveLength(4)
  for (const secret of ['never-to-be-seen', apiSecret, token.slice(0, 30), 'turnPassword']) {
    expect(lines.join()).not.toContain(secret)
  }
})

test('R50 while calls are disabled nothing is read', async () => {
  const { service, receive, taken, seen } = receiver({ livekit: null })
  expect(service.enabled).toBe(false)
  await receive(body, undefined)
  expect([...taken, ...seen]).toEqual([])
})
