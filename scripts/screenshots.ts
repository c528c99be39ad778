/**
 * Takes the pictures in docs/screenshots anew: `npm run screenshots`. The story that they show is
 * test/e2e/screenshots.spec.ts, which needs livekit-server and Chromium as the other browser tests do.
 */
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

function run(script: string, ...args: string[]): void {
  const { status } = spawnSync(process.execPath, [resolve(root, script), ...args], {
    cwd: root,
    env: { ...process.env, CHATTO_SCREENSHOTS: resolve(root, 'docs/screenshots') },
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
}

run('scripts/build.mjs')
run('node_modules/@playwright/test/cli.js', 'test', 'test/e2e/screenshots.spec.ts')
