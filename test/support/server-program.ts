/**
 * The server's programs for child processes, put together once per test file: a server that starts
 * in half the time of one that is compiled while it loads. Packages stay outside.
 */
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Below the root, so that packages are found. */
const cache = join(root, 'node_modules/.cache')
const prefix = 'test-server-'
/** A test run is over by then; its worker was ended without a chance to clean up. */
const oldMs = 3600_000

let built: Promise<string> | null = null

/** `main`: what is shipped; `fragile`: the composition root of `fragile-server.ts`. */
export async function serverProgram(name: 'main' | 'fragile'): Promise<string> {
  built ??= buildAll()
  return join(await built, `${name}.js`)
}

async function buildAll(): Promise<string> {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, prefix))
  removeOld()
  await build({
    configFile: false,
    root,
    logLevel: 'warn',
    build: {
      ssr: true,
      outDir: folder,
      copyPublicDir: false,
      rolldownOptions: {
        input: {
          main: join(root, 'server/main.ts'),
          fragile: join(root, 'test/support/fragile-server.ts'),
        },
      },
    },
  })
  return folder
}

function removeOld(): void {
  for (const name of readdirSync(cache)) {
    if (!name.startsWith(prefix)) continue
    const path = join(cache, name)
    const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity)
    if (age > oldMs) rmSync(path, { recursive: true, force: true })
  }
}
