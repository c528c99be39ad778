import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeFirstConfig } from '../../../server/config/first-run.ts'
import { ConfigError } from '../../../server/config/config-error.ts'
import { loadConfig } from '../../../server/config/load-config.ts'

const file = '/srv/chatto/chatto.toml'
const own = {
  CHATTO_LIVEKIT_URL: 'wss://live.example.com',
  CHATTO_LIVEKIT_API_KEY: 'key',
  CHATTO_LIVEKIT_API_SECRET: '0123456789012345678901234567890123456789',
}
const ownInFile = `url = 'ws://localhost:7880'\napi_key = 'devkey'\napi_secret = 'secret'\n`
const embedded = '[livekit]\nembedded = true\n'

const load = (toml: string, env: Record<string, string> = {}) =>
  loadConfig({ argv: [], env, cwd: '/srv/chatto', readFile: () => toml })

function refusal(...given: Parameters<typeof load>): string {
  try {
    load(...given)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    const { message } = error as ConfigError
    expect(message).not.toContain('\n')
    return message
  }
  throw new Error('the configuration was taken')
}

test('Ada tries it out, then names her LiveKit in the environment: that one is used', () => {
  const cwd = mkdtempSync(join(tmpdir(), 'chatto-choose-livekit-'))
  try {
    writeFirstConfig({ argv: [], env: {}, cwd })
    const path = join(cwd, 'chatto.toml')
    const env = { CHATTO_LIVEKIT_ENABLED: 'true', ...own }
    const readFile = (name: string) => readFileSync(name, 'utf8')
    const { livekit, warnings } = loadConfig({ argv: [], env, cwd, readFile })
    expect(livekit).toMatchObject({ url: 'wss://live.example.com', apiKey: 'key', embedded: null })
    expect(warnings).toEqual([
      `${path}:6: [livekit] embedded = true is left alone, for CHATTO_LIVEKIT_URL means a LiveKit of your own`,
    ])
  } finally {
    rmSync(cwd, { recursive: true })
  }
})

test('the environment’s key and secret go with the file’s url', () => {
  const { CHATTO_LIVEKIT_URL: _, ...secrets } = own
  const { livekit, warnings } = load(`${embedded}url = 'wss://a.example.com'`, secrets)
  expect(livekit).toMatchObject({ url: 'wss://a.example.com', apiKey: 'key', embedded: null })
  expect(warnings).toHaveLength(1)
})

test('half a LiveKit in the environment is told, with what it went before', () => {
  expect(refusal(embedded, { CHATTO_LIVEKIT_API_KEY: 'key' })).toBe(
    '[livekit] url is missing: the variable CHATTO_LIVEKIT_API_KEY means a LiveKit of your own and ' +
      `goes before embedded = true (${file}:2), so set CHATTO_LIVEKIT_URL, too, or take that variable away`,
  )
})

test('embedded media in the environment goes before the file’s LiveKit', () => {
  const { livekit, warnings } = load(`[livekit]\n${ownInFile}`, { CHATTO_LIVEKIT_EMBEDDED: 'true' })
  expect(livekit).toMatchObject({ embedded: { maxParticipants: 8 } })
  expect(warnings).toEqual([
    `${file}:2: [livekit] url, api_key, api_secret left alone, for CHATTO_LIVEKIT_EMBEDDED asks for ` +
      'the media server inside this program',
  ])
})

test('embedded = false in the environment needs no word about it', () => {
  const { livekit, warnings } = load(embedded, { ...own, CHATTO_LIVEKIT_EMBEDDED: 'false' })
  expect(livekit).toMatchObject({ url: 'wss://live.example.com' })
  expect(warnings).toEqual([])
})

test('both in the file are refused, with both lines and the way out', () => {
  expect(refusal(`${embedded}${ownInFile}`)).toBe(
    `${file}:3: [livekit] url and embedded = true (${file}:2) exclude each other: the one means a ` +
      'LiveKit of your own, the other the media server inside this program; take out embedded to ' +
      'use the one, or url, api_key, api_secret to use the other',
  )
})

test('both in the environment are refused, with both variables', () => {
  expect(refusal('', { ...own, CHATTO_LIVEKIT_EMBEDDED: 'true' })).toMatch(
    /^the variable CHATTO_LIVEKIT_URL: \[livekit\] url and embedded = true \(the variable CHATTO_LIVEKIT_EMBEDDED\) exclude/,
  )
})

test('the address of webhooks alone does not say which LiveKit it is', () => {
  const hook = { CHATTO_LIVEKIT_WEBHOOK_URL: 'http://chat.example.com/webhooks/livekit' }
  expect(refusal(embedded, hook)).toContain(
    `the variable CHATTO_LIVEKIT_WEBHOOK_URL: [livekit] webhook_url and embedded = true (${file}:2)`,
  )
  expect(load(embedded, { ...own, ...hook }).livekit).toMatchObject({
    webhookUrl: hook.CHATTO_LIVEKIT_WEBHOOK_URL,
  })
})
