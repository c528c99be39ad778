/** The configuration of a first run: written for people to read and change, so that nothing is hidden. */
import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'

const text = `# Chatto Calls. Every key can also be set as CHATTO_<SECTION>_<KEY>; the README lists them all.

[livekit]
# The media server inside this program: real, encrypted calls with nothing else installed. For trying
# it out, for development, and for up to 8 people in a call.
embedded = true
# max_participants = 8
# udp_ports = "50000-50099"          # any free one when left out; open them in your firewall
# media_addresses = ["192.168.1.20"] # loopback and this machine's own when left out

# For more, run LiveKit (https://docs.livekit.io/home/self-hosting/) and put this in place of embedded:
# url = "wss://livekit.example.com"
# api_key = "your-api-key"
# api_secret = "your-api-secret"

# No calls at all: enabled = false, or no [livekit] section.

[webserver]
# port = 8080
# host = "0.0.0.0"                   # others may come; loopback only when left out
# tls = "self-signed"                # browsers give no microphone on plain http, except on localhost
`

export type FirstConfig =
  { is: 'written'; path: string } | { is: 'impossible'; path: string; reason: string } | null

/** Null when there is something to go by already. */
export function writeFirstConfig({
  argv,
  env,
  cwd,
}: {
  argv: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  cwd: string
}): FirstConfig {
  const isConfigured =
    argv.some((word) => word.startsWith('--config')) ||
    Object.entries(env).some(([name, value]) => name.startsWith('CHATTO_LIVEKIT_') && value)
  if (isConfigured) return null
  const path = resolve(cwd, 'chatto.toml')
  try {
    writeFileSync(path, text, { flag: 'wx' })
    return { is: 'written', path }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    // Then calls are off, and the start says how to turn them on.
    return error.code === 'EEXIST' ? null : { is: 'impossible', path, reason: String(error.code) }
  }
}
