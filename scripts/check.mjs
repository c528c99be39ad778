/**
 * `npm run check`: everything that CI runs, in CI's order, to the end even when something fails. The
 * last line is `N passed, N failed`; a check without tests of its own counts as one.
 * `.ci/run`, which has run `npm test` already, says how that ended: `--fast-ended-with CODE`.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run } from './house/run.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../..')
const at = process.argv.indexOf('--fast-ended-with')
const fastCode = at < 0 ? undefined : Number(process.argv[at + 1])

/**
 * npm scripts, in rounds; the lanes of a round run side by side, a core each. `report` is where one
 * leaves its counts.
 */
const rounds = [
  [[{ script: 'test', report: 'fast', code: fastCode }]],
  [
    [
      { script: 'format:check' },
      { script: 'lint' },
      { script: 'types' },
      { script: 'types:web' },
      { script: 'deps' },
      { script: 'dead-code' },
      { script: 'docs:check' },
      { script: 'build' },
    ],
    [{ script: 'simulate:check' }],
  ],
  [[{ script: 'test:long', report: 'long' }]],
  [[{ script: 'test:real', report: 'real' }]],
  [[{ script: 'test:media', report: 'media' }]],
  [[{ script: 'test:e2e', report: 'e2e' }]],
]

const total = { passed: 0, failed: 0 }
const failures = []
const began = Date.now()
for (const lanes of rounds) {
  const show = lanes.length > 1 ? 'at-the-end' : 'now'
  await Promise.all(
    lanes.map(async (steps) => {
      for (const each of steps) await take(each, show)
    }),
  )
}

if (failures.length > 0) process.stdout.write(`\nFailed: ${failures.join(', ')}\n`)
process.stdout.write(`\nAfter ${Math.round((Date.now() - began) / 1000)} s:`)
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`)
process.exitCode = total.failed > 0 ? 1 : 0

async function take({ script, report, code: known }, show) {
  const began = Date.now()
  process.stdout.write(`\n── npm run ${script}\n`)
  const path = report && join(root, 'test-results', `${report}.json`)
  if (path && known === undefined) rmSync(path, { force: true })
  const code = known ?? (await run('npm', ['run', '--silent', script], { cwd: root, show }))
  const counts = count(code, path)
  total.passed += counts.passed
  total.failed += counts.failed
  if (counts.failed > 0) failures.push(script)
  const seconds = ((Date.now() - began) / 1000).toFixed(1)
  process.stdout.write(`── ${script}: ${counts.failed > 0 ? 'FAILED' : 'fine'} (${seconds} s)\n`)
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
