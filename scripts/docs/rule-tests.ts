/** Which tests hold which rule: the titles of all tests, by the rules that they cite. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** File by rule, sorted; a file once. */
export function findRuleTests(root: string): Map<string, string[]> {
  const found = new Map<string, Set<string>>()
  for (const file of testFiles(root)) {
    const text = readFileSync(join(root, file), 'utf8')
    for (const [, plain, template] of text.matchAll(titles)) {
      for (const rule of rulesIn(plain ?? template ?? '')) {
        const files = found.get(rule) ?? new Set()
        found.set(rule, files.add(file))
      }
    }
  }
  return new Map([...found].map(([rule, files]) => [rule, [...files].sort()]))
}

/** A test's or a group's title in any kind of quotes; titles of tables have placeholders in them. */
const titles = /\b(?:test|it|describe)(?:\.\w+)*(?:\([^']*?\))?\(\s*(?:'([^'\n]*)'|`([^`]*)`)/g

/** `R27–R36` names all of them. */
function rulesIn(title: string): string[] {
  return [...title.matchAll(/\b([RI])(\d+)(?:–[RI]?(\d+))?/g)].flatMap(([, kind, from, to]) => {
    const first = Number(from)
    const last = Number(to ?? from)
    return Array.from({ length: last - first + 1 }, (_, i) => `${kind}${first + i}`)
  })
}

function testFiles(root: string): string[] {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(test|spec)\.ts$|-contract\.ts$/.test(name))
    .map((name) => join('test', name).replaceAll('\\', '/'))
    .sort()
}
