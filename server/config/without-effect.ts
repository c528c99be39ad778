/** What was given and has no effect in this configuration: told, for whoever wrote it relies on it. */
import type { Config } from './config.ts'
import { ConfigError } from './config-error.ts'
import type { Given } from './given.ts'

const ofEmbedded = ['media_addresses', 'udp_ports', 'max_participants'] as const

export function withoutEffect(given: Given, config: Config): string[] {
  const { livekit, webserver } = config
  const lines: string[] = []
  if (livekit && !livekit.embedded) {
    const idle = ofEmbedded.filter((key) => given.values.get('livekit')?.has(key))
    const [first] = idle
    if (first) {
      lines.push(
        `${given.placeOf('livekit', first)}: [livekit] ${idle.join(', ')} left alone: only the ` +
          'media server inside this program (embedded = true) has it',
      )
    }
  }
  if (webserver.tls.is !== 'off' && webserver.url.startsWith('http:')) {
    lines.push(
      `${given.placeOf('webserver', 'url')}: [webserver] url begins with http, but this server ` +
        'speaks https only (tls): nobody reaches it there',
    )
  }
  return lines
}

/** `tls = "off"` that was written down, beside a certificate that would turn it on. */
export function requireOneTls(given: Given): void {
  const section = given.values.get('webserver')
  if (section?.get('tls') !== 'off' || !section.get('tls_cert')) return
  throw new ConfigError(
    `${given.placeOf('webserver', 'tls')}: [webserver] tls = "off" and tls_cert exclude each other`,
  )
}

/** `--config FILE` is all that the command line takes. */
export function requireKnownWords(argv: readonly string[]): void {
  const unknown = argv.find(
    (word, i) => word !== '--config' && !word.startsWith('--config=') && argv[i - 1] !== '--config',
  )
  if (unknown === undefined) return
  throw new ConfigError(`${unknown} is not known on the command line: only --config FILE is`)
}
