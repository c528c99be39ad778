import { expect, test } from 'vitest'
import type { AppError } from '../../../server/errors.ts'
import { createPasswords } from '../../../server/auth/passwords.ts'

test('a hash is argon2id, another each time, and is right for its password only', async () => {
  const passwords = await createPasswords()
  const [one, two] = [
    await passwords.hash('Ada’s password'),
    await passwords.hash('Ada’s password'),
  ]
  expect(one).toMatch(/^\$argon2id\$/)
  expect(one).not.toBe(two)
  expect(await passwords.verify('Ada’s password', one)).toBe(true)
  expect(await passwords.verify('Bo’s password', one)).toBe(false)
})

test('no password is right for a login that nobody has', async () => {
  const passwords = await createPasswords()
  expect(await passwords.verify('nobody has this password', null)).toBe(false)
})

test('a flood of sign-ins queues up to 32, the rest is told to slow down, and later ones pass', async () => {
  const passwords = await createPasswords()
  const hashed = await passwords.hash('Ada’s password')
  const flood = await Promise.allSettled(
    Array.from({ length: 40 }, () => passwords.verify('Ada’s password', hashed)),
  )
  expect(flood.slice(0, 32)).toEqual(
    Array.from({ length: 32 }, () => ({ status: 'fulfilled', value: true })),
  )
  for (const refused of flood.slice(32)) {
    expect(refused).toMatchObject({ status: 'rejected', reason: { code: 'slow-down' } })
    const { reason } = refused as PromiseRejectedResult
    expect((reason as AppError).details['retryAfterMs']).toBeGreaterThan(0)
  }
  expect(await passwords.verify('Ada’s password', hashed)).toBe(true)
})

test('a hash that cannot be read fails its own sign-in and no other', async () => {
  const passwords = await createPasswords()
  const hashed = await passwords.hash('Ada’s password')
  const broken = passwords.verify('Ada’s password', 'no hash')
  const whole = passwords.verify('Ada’s password', hashed)
  await expect(broken).rejects.toThrow()
  expect(await whole).toBe(true)
})
