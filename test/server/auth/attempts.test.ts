import { expect, test } from 'vitest'
import { createAttempts, type Attempts } from '../../../server/auth/attempts.ts'
import type { AppError } from '../../../server/errors.ts'

let at = 1_700_000_000_000
const now = () => at

function open(): Attempts {
  return createAttempts({ registrationsPerMinute: 0, signInsPerMinute: 0, now })
}

function fail(attempts: Attempts, login: string, times: number): void {
  for (let i = 0; i < times; i++) attempts.failed(login)
}

function waitOf(attempts: Attempts, login: string): number {
  try {
    attempts.password(login)
    return 0
  } catch (error) {
    expect(error).toMatchObject({ code: 'slow-down' })
    return Number((error as AppError).details['retryAfterMs'])
  }
}

test('a quarter of an hour after her last wrong password Ada starts anew', () => {
  const attempts = open()
  fail(attempts, 'ada', 7)
  expect(waitOf(attempts, 'ada')).toBe(4_000)
  at += 15 * 60_000 + 1
  fail(attempts, 'ada', 4)
  expect(waitOf(attempts, 'ada')).toBe(0)
  fail(attempts, 'ada', 1)
  expect(waitOf(attempts, 'ada')).toBe(1_000)
})

test('the right password makes up for all wrong ones', () => {
  const attempts = open()
  fail(attempts, 'ada', 4)
  attempts.succeeded('ada')
  fail(attempts, 'ada', 4)
  expect(waitOf(attempts, 'ada')).toBe(0)
})

test('a thousand wrong passwords cost no more than a minute', () => {
  const attempts = open()
  fail(attempts, 'ada', 1_000)
  expect(waitOf(attempts, 'ada')).toBe(60_000)
})

test('who tries ten thousand other logins does not free the one that failed last', () => {
  const attempts = open()
  for (let i = 0; i < 9_999; i++) attempts.failed(`login${i}`)
  fail(attempts, 'ada', 5)
  expect(waitOf(attempts, 'ada')).toBe(1_000)
  for (let i = 0; i < 9_999; i++) attempts.failed(`other${i}`)
  expect(waitOf(attempts, 'ada')).toBe(1_000)
})

test('0 switches the limits off', async () => {
  const attempts = open()
  for (let i = 0; i < 500; i++) {
    await attempts.signIn('1.1.1.1')
    await attempts.registration('1.1.1.1')
  }
})
