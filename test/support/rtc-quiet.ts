/**
 * Imported before LiveKit’s client for Node. That one hands every line that its library traces to
 * JavaScript, some thousands a second of a call, and whatever else comes from there waits behind them:
 * on a busy machine hanging up took longer than people wait. Nobody reads these lines, so they are not
 * taken over; and in production its classes write none of their own.
 */
import { createRequire } from 'node:module'

type Initialize = (onEvent: (event: Uint8Array) => void, takeLogs: boolean, version: string) => void

process.env['NODE_ENV'] = 'production'
// What is not taken over would go to standard error.
process.env['RUST_LOG'] = 'off'

const client = createRequire(import.meta.url).resolve('@livekit/rtc-node')
const bindings = createRequire(client)('@livekit/rtc-ffi-bindings') as {
  livekitInitialize: Initialize
}
const initialize = bindings.livekitInitialize
bindings.livekitInitialize = (onEvent, _takeLogs, version) => initialize(onEvent, false, version)
