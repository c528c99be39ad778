import { beforeEach, expect, test } from 'vitest'
import { createSocketDoubt } from '../../../web/live/socket-doubt.ts'
import { errorWords } from '../../../web/words/words.ts'

let isServerThere: boolean
let said: boolean[]
let answer: () => void
let answers: Promise<void>
const doubt = () =>
  createSocketDoubt({
    serverAnswers: () => answers.then(() => isServerThere),
    say: (areKeptAway) => void said.push(areKeptAway),
  })

beforeEach(() => {
  isServerThere = true
  said = []
  answers = Promise.resolve()
})

test('sockets that fail twice while the server answers are kept away', async () => {
  const sockets = doubt()
  await sockets.failed()
  expect(said).toEqual([false])
  await sockets.failed()
  expect(said).toEqual([false, true])
})

test('a server that is away, or was in between, keeps nobody away', async () => {
  const sockets = doubt()
  for (const isThere of [false, false, true, false, true]) {
    isServerThere = isThere
    await sockets.failed()
  }
  expect(said).not.toContain(true)
})

test('a socket that opens takes it back, also while the server is being asked', async () => {
  const sockets = doubt()
  await sockets.failed()
  await sockets.failed()
  sockets.opened()
  expect(said.at(-1)).toBe(false)

  await sockets.failed()
  answers = new Promise((resolve) => (answer = resolve))
  const asked = sockets.failed()
  sockets.opened()
  answer()
  await asked
  expect(said.at(-1)).toBe(false)
})

test('too many tries: for how long is said', () => {
  expect(errorWords('slow-down', { retryAfterMs: 52_400 })).toContain('in 53 seconds')
  expect(errorWords('slow-down', { retryAfterMs: 300 })).toContain('in 1 second.')
  expect(errorWords('slow-down', { retryAfterMs: 600_001 })).toContain('in 11 minutes')
  expect(errorWords('slow-down')).toBe('Too many tries. Wait a moment.')
})
