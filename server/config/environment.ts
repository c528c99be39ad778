/** Reads `CHATTO_<SECTION>_<KEY>` variables: text, turned into what the key wants. */
import { nearestWord } from './nearest-word.ts'
import { keysOf, schemaOf, sectionNames, type SectionName } from './sections.ts'

export interface FromEnvironment {
  section: SectionName
  key: string
  value: unknown
  variable: string
}

/** Read by the programs themselves and no part of the configuration. */
const ownVariables: readonly string[] = ['CHATTO_NODE', 'CHATTO_WEB_ROOT']

/**
 * An empty variable counts as not set, as compose files leave them. Variables of ours that name no
 * key are told in `warnings`.
 */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  warnings: string[],
): FromEnvironment[] {
  const found: FromEnvironment[] = []
  for (const [variable, text] of Object.entries(env)) {
    if (!variable.startsWith('CHATTO_') || !text || ownVariables.includes(variable)) continue
    const section = sectionNames.find((name) => variable.startsWith(prefixOf(name)))
    const key = section && variable.slice(prefixOf(section).length).toLowerCase()
    if (section && key && variableOf(section, key) === variable && schemaOf(section, key)) {
      found.push({ section, key, value: toWantedType(section, key, text), variable })
    } else {
      const nearest = nearestWord(variable, allVariables())
      const hint = nearest ? `; did you mean ${nearest}?` : ''
      warnings.push(`the variable ${variable} is not known and is left alone${hint}`)
    }
  }
  return found
}

/** `CHATTO_LIVEKIT_API_KEY` */
export function variableOf(section: string, key: string): string {
  return `CHATTO_${section}_${key}`.toUpperCase()
}

const prefixOf = (section: SectionName) => `CHATTO_${section.toUpperCase()}_`

const allVariables = () =>
  sectionNames.flatMap((section) => keysOf(section).map((key) => variableOf(section, key)))

const truths = new Map([
  ['true', true],
  ['1', true],
  ['false', false],
  ['0', false],
])

/** The first reading that the key takes; the text itself when it takes none, to be refused later. */
function toWantedType(section: SectionName, key: string, text: string): unknown {
  const schema = schemaOf(section, key)
  const readings = [
    text,
    truths.get(text.trim().toLowerCase()),
    /^-?\d+(\.\d+)?$/.test(text.trim()) ? Number(text) : undefined,
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  ]
  return (
    readings.find((reading) => reading !== undefined && schema?.safeParse(reading).success) ?? text
  )
}
