/** Starts the server from the command line: `node server/main.js [--config FILE]`. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { CannotOpenDatabaseError } from '../persistence/open-store.ts'
import { startApp } from './app.ts'
import type { Config } from './config.ts'
import { AddressTakenError } from './http/web-server.ts'
import { ConfigError, loadConfig } from './load-config.ts'
import { createLogger } from './log.ts'
import { version } from './version.ts'

/** A commit under way is finished; who does not stop by then is stopped. */
const stopWithinMs = 10_000

async function main(): Promise<void> {
  const config = loadConfig({
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    readFile: readIfThere,
  })
  config.warnings.forEach((warning) => print(`Note: ${warning}`))
  const log = createLogger(process.env['CHATTO_LOG_LEVEL'] ?? config.log.level)
  const webRoot = process.env['CHATTO_WEB_ROOT'] ?? resolve('dist/web')
  const app = await startApp({ config, version, webRoot, log })
  tellWhatIsOn(config, app.port, app.setupCode)

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
}

function tellWhatIsOn(config: Config, port: number, setupCode: string | null): void {
  const { host } = config.webserver
  const address = port === config.webserver.port ? config.webserver.url : `http://${host}:${port}`
  print('')
  print(`  Chatto Calls is on:  ${address}`)
  print(`  Database:            ${config.database.url.replace(/:\/\/[^@/]*@/, '://…@')}`)
  if (config.livekit) {
    print(`  Calls:               on, media by LiveKit at ${config.livekit.url}`)
    print(
      `  In livekit.yaml:     webhook: { api_key: ${config.livekit.apiKey}, urls: [${config.livekit.webhookUrl}] }`,
    )
  } else {
    print('  Calls:               off. To turn them on, run LiveKit and add to chatto.toml:')
    print(
      "                       [livekit] url = 'ws://localhost:7880', api_key = 'devkey', api_secret = 'secret'",
    )
  }
  if (setupCode)
    print(`  Setup code:          ${setupCode}  (the first person to register needs it)`)
  print('')
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new ConfigError(`the configuration file ${path} cannot be read`)
  }
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

main().catch((error: unknown) => {
  const isExpected =
    error instanceof ConfigError ||
    error instanceof CannotOpenDatabaseError ||
    error instanceof AddressTakenError
  const text = isExpected ? error.message : error instanceof Error ? error.stack : String(error)
  process.stderr.write(`Chatto Calls cannot start: ${text}\n`)
  process.exit(1)
})
