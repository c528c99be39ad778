/** The published contract: valid, complete, and true of what api.md promises. */
import { createConfig, lintFromString } from '@redocly/openapi-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runApp, type RunningApp } from '../../support/running-app.ts'

let app: RunningApp
beforeAll(async () => {
  app = await runApp()
})
afterAll(() => app.close())

/** The rows of api.md; the webhook is LiveKit's contract, the live socket is no HTTP. */
const promised = [
  'GET /api/config',
  'GET /api/openapi.json',
  'POST /api/auth/register',
  'POST /api/auth/login',
  'POST /api/auth/logout',
  'GET /api/me',
  'DELETE /api/me',
  'GET /api/users',
  'DELETE /api/users/{userId}',
  'GET /api/rooms',
  'POST /api/rooms',
  'GET /api/rooms/{roomId}',
  'PATCH /api/rooms/{roomId}',
  'DELETE /api/rooms/{roomId}',
  'GET /api/rooms/{roomId}/members',
  'PUT /api/rooms/{roomId}/members/{userId}',
  'DELETE /api/rooms/{roomId}/members/{userId}',
  'POST /api/dms',
  'GET /api/rooms/{roomId}/timeline',
  'POST /api/rooms/{roomId}/messages',
  'GET /api/calls',
  'GET /api/rooms/{roomId}/call',
  'POST /api/rooms/{roomId}/call/join',
  'POST /api/rooms/{roomId}/call/leave',
  'GET /api/admin/health',
  'GET /api/admin/ignored',
  'GET /healthz',
  'GET /readyz',
  'GET /metrics',
]

test('every endpoint that api.md promises is published', () => {
  expect(app.contract.operations).toEqual(expect.arrayContaining(promised))
})

test('it is OpenAPI 3.1, and Redocly finds nothing wrong with it', async () => {
  const { text, body } = await app.ask('GET', '/api/openapi.json')
  expect(body).toMatchObject({ openapi: '3.1.0', info: { version: '0.0.0-test' } })
  const problems = await lintFromString({
    source: text,
    config: await createConfig({ extends: ['recommended'] }),
  })
  expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([])
})

test('what needs no session says so, everything else names both ways of signing in', async () => {
  const { paths, security } = (await app.ask('GET', '/api/openapi.json')).body as {
    paths: Record<string, Record<string, { security?: object[] }>>
    security: object[]
  }
  expect(security).toEqual([{ session: [] }, { bearer: [] }])
  const open = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item)
      .filter(([, operation]) => operation.security?.length === 0)
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  )
  expect(open.toSorted()).toEqual([
    'GET /api/config',
    'GET /api/openapi.json',
    'GET /healthz',
    'GET /metrics',
    'GET /readyz',
    'POST /api/auth/login',
    'POST /api/auth/register',
  ])
  for (const operation of promised.filter((name) => !open.includes(name))) {
    const [method = '', path = ''] = operation.split(' ')
    const answer = await app.ask(method, path.replaceAll(/\{\w+\}/g, 'x'), {
      ...(['POST', 'PATCH'].includes(method) && { body: {} }),
    })
    expect(`${operation} ${answer.status}`).toBe(`${operation} 401`)
  }
})
