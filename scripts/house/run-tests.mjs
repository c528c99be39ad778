/**
 * Runs one kind of tests: `fast` and `long` (nothing but Node), `real` (PostgreSQL, livekit-server),
 * `e2e` (Chromium, Firefox) or `media` (Chromium). What a kind needs and this machine lacks is said; in CI
 * it is an error. Each kind leaves its counts in `test-results/KIND.json`.
 */
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildWhenNeeded } from './build.mjs'
import { installWhenNeeded } from './install.mjs'
import { findChromium, findFirefox, findLivekitServer, findPostgres } from './programs.mjs'
import { endWith, run, StepFailed } from './run.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const [kind, ...rest] = process.argv.slice(2)
const report = join(root, 'test-results', `${kind}.json`)
const env = { ...process.env }
// Vue and its test tools behave otherwise in production.
delete env.NODE_ENV

/** Files at once: they wait more than they compute, for media, for processes, for deadlines. */
const filesAtOnce = { 'fast*': 4, long: 2, real: 3 }

const kinds = {
  fast: () => vitest('fast*'),
  long: () => vitest('long'),
  real: () => {
    const postgres = need('PostgreSQL', findPostgres(), 'the tests on PostgreSQL are left out')
    if (postgres) env.POSTGRES_BIN = postgres
    need('livekit-server', findLivekitServer(), 'the tests with LiveKit are left out')
    return vitest('real', postgres ? [] : ['--exclude', '**/*postgres*.real.test.ts'])
  },
  e2e: () => {
    const firefox = need(
      'Firefox',
      findFirefox(),
      'calls between Firefox and Chromium are left out',
    )
    if (firefox) env.FIREFOX = firefox
    return playwright('web')
  },
  media: () => playwright('media'),
}

await endWith(async () => {
  await installWhenNeeded(root)
  return kinds[kind]()
})

function vitest(project, options = []) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const workers = `--maxWorkers=${filesAtOnce[project]}`
  return node('vitest/vitest.mjs', [
    'run',
    '--project',
    project,
    workers,
    ...reporters,
    ...options,
    ...rest,
  ])
}

async function playwright(project) {
  const chromium = need('Chromium', findChromium(), 'there is nothing to run')
  if (!chromium) return 0
  need('livekit-server', findLivekitServer(), 'the tests with LiveKit are left out')
  await buildWhenNeeded(root)
  env.CHROMIUM = chromium
  env.PLAYWRIGHT_JSON_OUTPUT_NAME = report
  return node('@playwright/test/cli.js', [
    'test',
    '--project',
    project,
    '--reporter=list,json',
    ...rest,
  ])
}

function node(script, args) {
  const path = join(root, 'node_modules', script)
  return run(process.execPath, [path, ...args], { cwd: root, env })
}

/** The program's path; undefined, with a word about it, when this machine does not have it. */
function need(name, path, without) {
  if (path) return path
  if (process.env.CI)
    throw new StepFailed(`${name} is not on this machine, and in CI nothing is left out`)
  process.stdout.write(
    `${name} is not on this machine: ${without}. .ci/run shows how to install it.\n`,
  )
  return undefined
}
