/**
 * `npm run check`: everything that CI runs, in CI's order, to the end even when something fails. The
 * last line is `N passed, N failed`; a check without tests of its own counts as one.
 * `.ci/run`, which has run `npm test` already, says how that ended: `--fast-ended-with CODE`.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { npmCommand, run } from './run.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../../..')
const at = process.argv.indexOf('--fast-ended-with')
const fastCode = at < 0 ? undefined : Number(process.argv[at + 1])

/**
 * npm scripts, in rounds. The tests of a round wait more than they compute: what stands `beside` them
 * fills the time, and gives way to them. `report` is where one leaves its counts.
 */
const rounds = [
  { tests: { script: 'test', report: 'fast', code: fastCode } },
  {
    tests: { script: 'test:long', report: 'long' },
    beside: [
      { script: 'format:check' },
      { script: 'lint' },
      { script: 'types' },
      { script: 'types:web' },
      { script: 'deps' },
      { script: 'dead-code' },
      { script: 'docs:check' },
      { script: 'build' },
    ],
  },
  { tests: { script: 'test:real', report: 'real' }, beside: [{ script: 'simulate:check' }] },
  { tests: { script: 'test:nodes', report: 'nodes' } },
  { tests: { script: 'test:media', report: 'media' } },
  { tests: { script: 'test:e2e', report: 'e2e' } },
]

const total = { passed: 0, failed: 0 }
const failures = []
const began = Date.now()
for (const { tests, beside = [] } of rounds) {
  const others = async () => {
    for (const step of beside) await take(step, { show: 'at-the-end', givesWay: true })
  }
  await Promise.all([take(tests), others()])
}

if (failures.length > 0) process.stdout.write(`\nFailed: ${failures.join(', ')}\n`)
process.stdout.write(`\nAfter ${Math.round((Date.now() - began) / 1000)} s:`)
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`)
process.exitCode = total.failed > 0 ? 1 : 0

async function take({ script, report, code: known }, options = {}) {
  const began = Date.now()
  process.stdout.write(`\n── npm run ${script}\n`)
  const path = report && join(root, 'test-results', `${report}.json`)
  if (path && known === undefined) rmSync(path, { force: true })
  const code = known ?? (await npmRun(script, options))
  const counts = count(code, path)
  total.passed += counts.passed
  total.failed += counts.failed
  if (counts.failed > 0) failures.push(script)
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  process.stdout.write(`── ${script}: ${counts.failed > 0 ? 'FAILED' : 'fine'} (${seconds} s)\n`)
}

function npmRun(script, options) {
  const [npm, first] = npmCommand()
  return run(npm, [...first, 'run', '--silent', script], { cwd: root, ...options })
}

/** The tests of a report, Vitest's or Playwright's; without one, the step itself. */
function count(code, path) {
  const { passed, failed } = path ? readReport(path) : { passed: code === 0 ? 1 : 0, failed: 0 }
  // A file that cannot be read, an unhandled error, a step that stopped early.
  return { passed, failed: code !== 0 && failed === 0 ? 1 : failed }
}

function readReport(path) {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8'))
    if (!report.stats) return { passed: report.numPassedTests, failed: report.numFailedTests }
    const { expected, flaky, unexpected } = report.stats
    if (flaky > 0) process.stdout.write(`${flaky} passed at the second try only\n`)
    return { passed: expected + flaky, failed: unexpected }
  } catch {
    return { passed: 0, failed: 0 }
  }
}
