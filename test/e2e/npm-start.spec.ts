/** `npm start` as a person runs it: with the built program, and a configuration that lies elsewhere. */
import { expect, test } from '@playwright/test'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findFreePort } from '../support/free-port.ts'
import { until } from '../support/until.ts'

test('npm start -- --config FILE: it prints its address, keeps its data beside the file, and ends with npm', async ({
  page,
}) => {
  const folder = mkdtempSync(join(tmpdir(), 'chatto-npm-'))
  const config = join(folder, 'chatto.toml')
  const port = await findFreePort()
  writeFileSync(config, `[webserver]\nport = ${port}\n`)
  const env = { ...process.env }
  for (const name of Object.keys(env)) if (name.startsWith('CHATTO_')) delete env[name]
  const npm = spawn('npm', ['start', '--', '--config', config], { env })
  let output = ''
  npm.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  npm.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const isUp = () =>
    fetch(`http://localhost:${port}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  try {
    await until('it prints its address', 30_000, () =>
      output.includes(`Chatto Calls is on:  http://localhost:${port}`),
    )
    await page.goto(`http://localhost:${port}`)
    await expect(page.getByRole('button', { name: 'Sign in' })).toBeVisible()
    expect(readdirSync(join(folder, 'data'))).toContain('chatto.db')

    npm.kill('SIGTERM')
    await until('the server is gone, too', 15_000, async () => !(await isUp()))
  } catch (error) {
    throw new Error(`npm start said:\n${output}`, { cause: error })
  } finally {
    npm.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})
