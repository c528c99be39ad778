/**
 * A LiveKit of one's own or the media server inside this program: they exclude each other. A first run
 * writes `embedded = true` into the file, so what the environment names goes before what the file names.
 */
import { ConfigError } from './config-error.ts'
import { variableOf } from './environment.ts'
import type { Given } from './given.ts'
import type { Section } from './sections.ts'

/** What says which LiveKit it is. A webhook's address alone does not, nor a second way to it. */
const identifying = ['url', 'api_key', 'api_secret'] as const
const ofOnesOwn = [...identifying, 'internal_url', 'webhook_url'] as const

/** Without what does not count; tells that in `warnings`. Throws `ConfigError` when both would count. */
export function chooseLivekit(
  section: Section<'livekit'>,
  given: Given,
  warnings: string[],
): Section<'livekit'> {
  const own = ofOnesOwn.filter((key) => section[key] !== undefined)
  const [first] = own
  if (!section.embedded || !first) return section

  const isVariable = (key: keyof Section<'livekit'>) => given.isFromEnvironment('livekit', key)
  const variable = own.find(isVariable)
  if (isVariable('embedded') && !variable) {
    warnings.push(
      `${given.placeOf('livekit', first)}: [livekit] ${own.join(', ')} left alone, ` +
        `for ${variableOf('livekit', 'embedded')} asks for the media server inside this program`,
    )
    return without(section, own)
  }
  const named = identifying.find((key) => section[key] !== undefined && isVariable(key))
  if (!isVariable('embedded') && named) {
    const place = given.placeOf('livekit', 'embedded')
    const missing = identifying.find((key) => section[key] === undefined)
    if (missing) {
      throw new ConfigError(
        `[livekit] ${missing} is missing: the variable ${variableOf('livekit', named)} means a LiveKit ` +
          `of your own and goes before embedded = true (${place}), so set ` +
          `${variableOf('livekit', missing)}, too, or take that variable away`,
      )
    }
    warnings.push(
      `${place}: [livekit] embedded = true is left alone, ` +
        `for ${variableOf('livekit', named)} means a LiveKit of your own`,
    )
    return without(section, ['embedded'])
  }
  const foreign = variable ?? first
  throw new ConfigError(
    `${given.placeOf('livekit', foreign)}: [livekit] ${foreign} and embedded = true ` +
      `(${given.placeOf('livekit', 'embedded')}) exclude each other: the one means a LiveKit of your ` +
      'own, the other the media server inside this program; take out embedded to use the one, ' +
      `or ${own.join(', ')} to use the other`,
  )
}

function without(
  section: Section<'livekit'>,
  keys: readonly (keyof Section<'livekit'>)[],
): Section<'livekit'> {
  return { ...section, ...Object.fromEntries(keys.map((key) => [key, undefined])) }
}
