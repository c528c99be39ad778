/** Listening on uWebSockets.js. */
import uWS, { type TemplatedApp } from 'uWebSockets.js'

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
