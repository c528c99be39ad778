/** The web server's certificate: made once, kept, named, believed by those who know it. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TemplatedApp } from 'uWebSockets.js'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ownNames, prepareTls, TlsError, type Tls } from '../../../../server/http/tls.ts'
import { uWS } from '../../../../server/http/uws.ts'
import { createWebhookPost } from '../../../../server/media/api/webhook-post.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'chatto-tls-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const now = Date.now()
const selfSigned = (hosts: string[], name = 'tls') =>
  ({
    is: 'self-signed',
    certificateFile: join(folder, `${name}.crt`),
    keyFile: join(folder, `${name}.key`),
    hosts,
  }) as const

describe('self-signed', () => {
  test('names localhost, this machine and the configured host, and is readable for us only', async () => {
    const tls = await prepareTls(selfSigned(['calls.example']), now)
    const certificate = new X509Certificate(readFileSync(tls.cert_file_name))

    for (const host of ['localhost', 'calls.example']) {
      expect(certificate.checkHost(host)).toBeDefined()
    }
    const addresses = ownNames().filter((name) => /^\d+\.|:/.test(name))
    for (const address of addresses) expect(certificate.checkIP(address)).toBeDefined()
    expect(certificate.checkHost('elsewhere.example')).toBeUndefined()
    expect(certificate.ca).toBe(false)
    expect(tls.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    for (const file of [tls.key_file_name, tls.cert_file_name]) {
      expect(statSync(file).mode & 0o777).toBe(0o600)
    }
  })

  test('is made once: a restart shows the same one', async () => {
    const first = await prepareTls(selfSigned(['calls.example']), now)
    const second = await prepareTls(selfSigned(['calls.example']), now + 1000)
    expect(second.fingerprint).toBe(first.fingerprint)
  })

  test('is made anew for another host, and before it ends', async () => {
    const first = await prepareTls(selfSigned(['calls.example']), now)
    const other = await prepareTls(selfSigned(['talks.example']), now)
    const later = await prepareTls(selfSigned(['talks.example']), now + 780 * 24 * 3600 * 1000)
    expect(new Set([first, other, later].map(({ fingerprint }) => fingerprint)).size).toBe(3)
  })

  test('uWebSockets serves with it, and who knows it believes it and no other', async () => {
    const mine = await prepareTls(selfSigned([]), now)
    const others = await prepareTls(selfSigned([], 'other'), now)
    const port = await serve(mine)
    const url = `https://127.0.0.1:${port}/`

    await expect(createWebhookPost(() => mine.certificate)(url, '{}', 'x')).resolves.toBe(200)
    await expect(createWebhookPost(() => others.certificate)(url, '{}', 'x')).rejects.toThrow()
    await expect(createWebhookPost(() => null)(url, '{}', 'x')).rejects.toThrow(/self-signed/)
  })
})

describe('files', () => {
  test('are taken as they are', async () => {
    const made = await prepareTls(selfSigned([]), now)
    const files = { certificateFile: made.cert_file_name, keyFile: made.key_file_name }
    const tls = await prepareTls({ is: 'files', ...files }, now)
    expect(tls).toEqual(made)
    const server = createServer({ key: readFileSync(tls.key_file_name), cert: tls.certificate })
    server.close()
  })

  test('that do not fit are refused by name', async () => {
    const one = await prepareTls(selfSigned([], 'one'), now)
    const two = await prepareTls(selfSigned([], 'two'), now)
    const certificateFile = one.cert_file_name
    const refusal = async (keyFile: string, certificate = certificateFile) =>
      prepareTls({ is: 'files', certificateFile: certificate, keyFile }, now).catch(
        (error: unknown) => error,
      )
    expect(await refusal(two.key_file_name)).toEqual(
      new TlsError(
        `the key in ${two.key_file_name} does not belong to the certificate in ${certificateFile}`,
      ),
    )
    expect(await refusal(join(folder, 'none.key'))).toBeInstanceOf(TlsError)
    writeFileSync(join(folder, 'no.crt'), 'no certificate')
    expect(await refusal(one.key_file_name, join(folder, 'no.crt'))).toBeInstanceOf(TlsError)
  })
})

const apps: TemplatedApp[] = []
afterEach(() => apps.splice(0).forEach((app) => app.close()))

function serve({ key_file_name, cert_file_name }: Tls): Promise<number> {
  const app = uWS.SSLApp({ key_file_name, cert_file_name })
  app.post('/*', (res) => {
    res.onAborted(() => undefined)
    res.onData((_chunk, isLast) => {
      if (isLast) res.cork(() => res.end('ok'))
    })
  })
  apps.push(app)
  return new Promise((resolve, reject) => {
    app.listen('127.0.0.1', 0, (socket) => {
      if (socket) resolve(uWS.us_socket_local_port(socket))
      else reject(new Error('no port'))
    })
  })
}
