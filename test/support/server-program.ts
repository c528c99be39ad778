/**
 * The server's programs for child processes, put together once per test file: a server that starts
 * in half the time of one that is compiled while it loads. Packages stay outside.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'vite'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Below the root, so that packages are found. */
const cache = join(root, 'node_modules/.cache')

let built: Promise<string> | null = null

/** `main`: what is shipped; `fragile`: the composition root of `fragile-server.ts`. */
export async function serverProgram(name: 'main' | 'fragile'): Promise<string> {
  built ??= buildAll()
  return join(await built, `${name}.js`)
}

async function buildAll(): Promise<string> {
  mkdirSync(cache, { recursive: true })
  const folder = mkdtempSync(join(cache, 'test-server-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
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
