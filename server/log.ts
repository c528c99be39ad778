/** The logger: JSON lines, one place that says what never goes in. */
import { pino, type DestinationStream, type Logger } from 'pino'

/** Anything under these names is left out, wherever it stands. Nothing of it should be logged at all. */
const secretNames = [
  'password',
  'token',
  'apiSecret',
  'e2eeKey',
  'sealedKey',
  'passwordHash',
  'authorization',
  'cookie',
]

export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    redact: {
      paths: secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]),
      remove: true,
    },
  }
  return destination ? pino(options, destination) : pino(options)
}
