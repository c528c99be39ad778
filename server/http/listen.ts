/** Listening on uWebSockets.js. */
import { createServer } from 'node:net'
import type { TemplatedApp } from 'uWebSockets.js'
import { uWS } from './uws.ts'

type ListenSocket = Parameters<typeof uWS.us_listen_socket_close>[0]

export interface Listening {
  port: number
  /** Takes no new connections. */
  stop(): void
}

/** `LIBUS_LISTEN_EXCLUSIVE_PORT`: without it a second server would silently share the port. */
const exclusivePort = 1

export class AddressTakenError extends Error {
  constructor(host: string, port: number) {
    super(
      `cannot listen on ${host}:${port}: the port is taken, or the address is not this machine’s`,
    )
    this.name = 'AddressTakenError'
  }
}

/**
 * Before anything else of a start: a second server must not have touched the database, the media
 * process or the calls of the first one when it finds the port taken. Throws `AddressTakenError`.
 */
export function requireFreeAddress(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', () => reject(new AddressTakenError(host, port)))
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()))
  })
}

/** `port` 0 takes any free one. Throws `AddressTakenError`. */
export function listen(app: TemplatedApp, host: string, port: number): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const listened = (socket: ListenSocket | false) => {
      if (!socket) {
        reject(new AddressTakenError(host, port))
        return
      }
      let open: ListenSocket | null = socket
      resolve({
        port: uWS.us_socket_local_port(socket),
        stop() {
          if (open) uWS.us_listen_socket_close(open)
          open = null
        },
      })
    }
    // With host and options, which uWebSockets.js takes but its types do not know.
    Reflect.apply(app.listen, app, [host, port, exclusivePort, listened])
  })
}
