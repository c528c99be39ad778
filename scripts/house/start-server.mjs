/** Installs and builds when needed, then runs the server with the arguments that were given. */
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { buildWhenNeeded, program, webRoot } from './build.mjs'
import { installWhenNeeded } from './install.mjs'
import { StepFailed } from './run.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../../..')

try {
  await installWhenNeeded(root)
  await buildWhenNeeded(root)
} catch (error) {
  if (!(error instanceof StepFailed)) throw error
  process.stderr.write(`Chatto Calls cannot start: ${error.message}\n`)
  process.exit(1)
}
process.env.CHATTO_WEB_ROOT ??= join(root, webRoot)
await import(pathToFileURL(join(root, program)).href)
