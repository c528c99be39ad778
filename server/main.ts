/** Starts the server from the command line: `node server/main.js [--config FILE]`. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CannotOpenDatabaseError } from '../persistence/open-store.ts'
import { withoutPassword } from '../persistence/postgres-url.ts'
import { startApp, type App } from './app.ts'
import type { Config } from './config/config.ts'
import { AddressTakenError } from './http/listen.ts'
import { TlsError } from './http/tls.ts'
import { writeFirstConfig } from './config/first-run.ts'
import { isOnlyLoopback, ownAddresses } from './media/media-carrier.ts'
import { ConfigError } from './config/config-error.ts'
import { isLoopback, loadConfig } from './config/load-config.ts'
import { createLogger } from './log.ts'
import { version } from './version.ts'

/** A commit under way is finished; who does not stop by then is stopped. */
const stopWithinMs = 10_000

async function main(): Promise<void> {
  const sources = { argv: process.argv.slice(2), env: process.env, cwd: process.cwd() }
  const first = writeFirstConfig(sources)
  if (first?.is === 'written') print(`A first run: its configuration is in ${first.path}`)
  if (first?.is === 'impossible') {
    print(`Note: a first run’s configuration cannot be written to ${first.path} (${first.reason})`)
  }
  const config = loadConfig({ ...sources, readFile: readIfThere })
  config.warnings.forEach((warning) => print(`Note: ${warning}`))
  const log = createLogger(config.log.level)
  const webRoot = process.env['CHATTO_WEB_ROOT'] ?? resolve('dist/web')
  const app = await startApp({ config, version, webRoot, log })

  let stopping = false
  const stop = () => {
    if (stopping) return
    stopping = true
    setTimeout(() => process.exit(1), stopWithinMs).unref()
    app.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed')
        process.exit(1)
      },
    )
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  // Last: who reads that it is on may stop it at once.
  printWhatIsOn(config, app)
}

function printWhatIsOn(config: Config, { port, setupCode, fingerprint }: App): void {
  const { host, tls, url } = config.webserver
  const scheme = tls.is === 'off' ? 'http' : 'https'
  const address = port === config.webserver.port ? url : `${scheme}://${host}:${port}`
  print('')
  print(`  Chatto Calls is on:  ${address}`)
  if (fingerprint) print(`  Certificate:         our own, SHA-256 ${fingerprint}`)
  print(`  Database:            ${withoutPassword(config.database.url)}`)
  for (const line of callLines(config)) print(line)
  if (setupCode) {
    print(`  Setup code:          ${setupCode}  (the first person to register needs it)`)
  }
  print('')
}

function callLines({ livekit, webserver }: Config): string[] {
  if (!livekit) {
    return [
      '  Calls:               off. To turn them on, put into chatto.toml:',
      '                       [livekit]',
      '                       embedded = true',
      '                       or, for a LiveKit of your own, its url, api_key and api_secret',
    ]
  }
  if (livekit.embedded) {
    const most = livekit.embedded.maxParticipants
    const addresses = livekit.embedded.mediaAddresses ?? ownAddresses()
    return [
      `  Calls:               on, media by this program itself: for trying out and small groups (${most} in a call).`,
      '                       For more: README, “A LiveKit of your own”',
      ...(isLoopback(webserver.host) || !isOnlyLoopback(addresses)
        ? []
        : [
            '                       Only from this machine: it has no other address for media just now,',
            '                       see media_addresses in the README',
          ]),
    ]
  }
  return [
    `  Calls:               on, media by LiveKit at ${livekit.url}`,
    `  In livekit.yaml:     webhook: { api_key: ${livekit.apiKey}, urls: [${livekit.webhookUrl}] }`,
  ]
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

main().catch((error: unknown) => {
  const isExpected =
    error instanceof ConfigError ||
    error instanceof CannotOpenDatabaseError ||
    error instanceof AddressTakenError ||
    error instanceof TlsError
  const text = isExpected ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`Chatto Calls cannot start: ${text}\n`)
  process.exit(1)
})
