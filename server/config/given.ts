/** Everything that was given, the environment laid over the file, and where each value stands. */
import { nearestWord } from './nearest-word.ts'
import { ConfigError } from './config-error.ts'
import { readEnvironment } from './environment.ts'
import { isSectionName, keysOf, schemaOf, sectionNames, type SectionName } from './sections.ts'
import { isTable, type TomlFile } from './toml-file.ts'

export interface Given {
  values: Map<SectionName, Map<string, unknown>>
  /** `/etc/chatto.toml:12`, `the variable CHATTO_…`. */
  placeOf(section: SectionName, key: string): string
  isFromEnvironment(section: SectionName, key: string): boolean
}

/** A `chatto.toml` of Chatto itself has sections that we do not know: `warnings` tell them. */
export function collect(
  file: TomlFile,
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): Given {
  const values: Given['values'] = new Map()
  const variables = new Map<string, string>()
  for (const [name, section] of file.content) {
    if (!isSectionName(name)) {
      const isLoose = !isTable(section) && !Array.isArray(section)
      const what = isLoose ? `${name}, outside of any section,` : `[${name}]`
      warnings.push(
        `${file.path}: ${what} is not known and is left alone${hint(name, sectionNames, '[]')}`,
      )
      continue
    }
    if (!isTable(section)) {
      throw new ConfigError(`${file.placeOf(name)}: ${name} must be a section, written [${name}]`)
    }
    const known = Object.entries(section).filter(([key]) => schemaOf(name, key) !== undefined)
    values.set(name, new Map(known))
    for (const key of Object.keys(section)) {
      if (schemaOf(name, key)) continue
      warnings.push(
        `${file.path}: [${name}] ${key} is not known and is left alone${hint(key, keysOf(name))}`,
      )
    }
  }
  for (const { section, key, value, variable } of readEnvironment(env, warnings)) {
    // A section made only of variables is there, too.
    values.set(section, new Map([...(values.get(section) ?? []), [key, value]]))
    variables.set(`${section}.${key}`, variable)
  }
  return {
    values,
    placeOf(section, key) {
      const variable = variables.get(`${section}.${key}`)
      return variable ? `the variable ${variable}` : file.placeOf(section, key)
    },
    isFromEnvironment: (section, key) => variables.has(`${section}.${key}`),
  }
}

function hint(word: string, known: readonly string[], brackets = ''): string {
  const nearest = nearestWord(word, known)
  const [open = '', close = ''] = brackets
  return nearest ? `; did you mean ${open}${nearest}${close}?` : ''
}
