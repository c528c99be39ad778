/** Reads `chatto.toml` into sections, and finds the line that a value stands on. */
import { dirname, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { ConfigError } from './config-error.ts'

export interface TomlFile {
  /** Null when there is none. */
  path: string | null
  /** Relative paths in the configuration start here. */
  folder: string
  /** What the file holds, unchecked; tables and, by mistake, other values. */
  content: ReadonlyMap<string, unknown>
  /** `/etc/chatto.toml:12`, or the file's path when the line cannot be told. */
  placeOf(section: string, key?: string): string
}

/** Throws `ConfigError` when a named file is missing, and for what is no TOML. */
export function readTomlFile({
  argv,
  cwd,
  readFile,
}: {
  argv: readonly string[]
  cwd: string
  /** Undefined when there is no such file. */
  readFile(path: string): string | undefined
}): TomlFile {
  const named = namedFile(argv)
  const path = resolve(cwd, named ?? 'chatto.toml')
  const folder = dirname(path)
  const text = tryToRead(path, readFile)
  if (text === undefined) {
    if (named !== undefined) throw new ConfigError(`there is no configuration file ${path}`)
    return { path: null, folder, content: new Map(), placeOf: () => 'not set' }
  }
  return {
    path,
    folder,
    content: new Map(Object.entries(parseToml(path, text))),
    placeOf(section, key) {
      const line = findLine(text, section, key)
      return line === undefined ? path : `${path}:${line}`
    },
  }
}

/** Undefined when nobody named one. */
function namedFile(argv: readonly string[]): string | undefined {
  const at = argv.findIndex((word) => word === '--config' || word.startsWith('--config='))
  if (at < 0) return undefined
  const named = argv[at] === '--config' ? argv[at + 1] : argv[at]?.slice('--config='.length)
  if (!named || named.startsWith('--')) throw new ConfigError('--config needs the path of a file')
  return named
}

function tryToRead(path: string, readFile: (path: string) => string | undefined) {
  try {
    return readFile(path)
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
    throw new ConfigError(`the configuration file ${path} cannot be read${why}`)
  }
}

function parseToml(path: string, text: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    // The lines after the first show the file's text, which may be a secret.
    const reason = error.message.split('\n')[0]?.replace('Invalid TOML document: ', '')
    throw new ConfigError(`${path}:${error.line}:${error.column}: ${reason}`)
  }
}

/**
 * The line on which a key begins, whichever way it is written ([section], dotted, inline, quoted):
 * the one after the longest beginning of the file that is whole and does not have it yet.
 */
function findLine(text: string, section: string, key: string | undefined): number | undefined {
  const lines = text.split(/\r?\n/)
  let whole = 0
  for (let count = 1; count <= lines.length; count++) {
    const beginning = parseBeginning(lines.slice(0, count).join('\n'))
    if (!beginning) continue
    const found = new Map(Object.entries(beginning)).get(section)
    const isThere =
      key === undefined || !isTable(found)
        ? found !== undefined
        : new Map(Object.entries(found)).get(key) !== undefined
    if (isThere) return whole + 1
    whole = count
  }
  return undefined
}

function parseBeginning(text: string): Record<string, unknown> | undefined {
  try {
    return parse(text)
  } catch {
    return undefined
  }
}

export function isTable(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
  )
}
