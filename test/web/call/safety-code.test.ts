import { expect, test } from 'vitest'
import { safetyCodeOf } from '../../../web/livekit/safety-code.ts'

/** Base64 of 32 bytes of 7. */
const key = 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc='
/** Base64 of 32 bytes of 8. */
const otherKey = 'CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg='

test('F13 Ada and Bo read the same three groups of four digits', async () => {
  const code = await safetyCodeOf(key, 'call1')
  expect(code).toHaveLength(3)
  for (const group of code) expect(group).toMatch(/^\d{4}$/)
  expect(await safetyCodeOf(key, 'call1')).toEqual(code)
})

test('F13 another key or another call gives another code', async () => {
  const code = await safetyCodeOf(key, 'call1')
  expect(await safetyCodeOf(otherKey, 'call1')).not.toEqual(code)
  expect(await safetyCodeOf(key, 'call2')).not.toEqual(code)
})

// printf 'chatto safety code\ncall1\n%s' "$key" | sha256sum, by four bytes, modulo 10,000.
test('F13 the code is SHA-256 over call and key, so that any client can show it', async () => {
  expect(await safetyCodeOf(key, 'call1')).toEqual(['9701', '0189', '9489'])
})
