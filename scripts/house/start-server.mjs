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
endWithNpm()
process.env.CHATTO_WEB_ROOT ??= join(root, webRoot)
await import(pathToFileURL(join(root, program)).href)

/**
 * npm hands SIGTERM to the shell that it runs us in, which dies of it and tells nobody. Whoever ends npm
 * (a container, a service manager) means the server.
 */
function endWithNpm() {
  if (process.env.npm_lifecycle_event !== 'start') return
  const parent = process.ppid
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGTERM')
  }, 500).unref()
}
