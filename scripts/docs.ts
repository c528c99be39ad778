/**
 * `npm run docs`: writes what is generated of the documents (the charts of the machines, the tests of
 * each rule in SPEC.md). `--check` writes nothing and fails when something is out of date, or when a
 * rule has no test.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { catalogue } from '../machines/catalogue.ts'
import { describeMachine } from '../machines/chart.ts'
import { toMermaid, toTable } from './docs/mermaid.ts'
import { findRuleTests } from './docs/rule-tests.ts'

const root = resolve(fileURLToPath(import.meta.url), '../..')
const isCheck = process.argv.includes('--check')
const problems: string[] = []

for (const { id, side, machine } of catalogue) {
  const chart = describeMachine(machine)
  const where = side === 'server' ? 'the server' : 'the browser'
  put(
    `docs/machines/${id}.md`,
    `# The ${id} machine\n\nRuns in ${where}. Generated from \`machines/${id}.machine.ts\` by \`npm run docs\`; do not edit.\n\n` +
      `\`\`\`mermaid\n${toMermaid(chart)}\n\`\`\`\n\n${toTable(chart)}\n`,
  )
}

const spec = readFileSync(join(root, 'SPEC.md'), 'utf8')
const rules = [...spec.matchAll(/^- \*\*([RI]\d+)\*\*/gm)].map(([, rule = '']) => rule)
const tests = findRuleTests(root)
const rows = rules.map((rule) => {
  const files = tests.get(rule) ?? []
  if (files.length === 0) problems.push(`${rule} has no test that cites it`)
  return `| ${rule} | ${files.map((file) => `[${file.slice('test/'.length)}](${file})`).join(', ')} |`
})
const marker = '<!-- generated: npm run docs -->'
put(
  'SPEC.md',
  `${spec.slice(0, spec.indexOf(marker) + marker.length)}\n\n| rule | tests |\n|---|---|\n${rows.join('\n')}\n`,
)

function put(path: string, text: string): void {
  const file = join(root, path)
  let before: string | undefined
  try {
    before = readFileSync(file, 'utf8')
  } catch {
    before = undefined
  }
  if (before === text) return
  if (isCheck) problems.push(`${path} is out of date: npm run docs`)
  else writeFileSync(file, text)
}

for (const problem of problems) process.stderr.write(`${problem}\n`)
process.exitCode = problems.length > 0 ? 1 : 0
