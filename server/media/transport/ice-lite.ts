/**
 * Our end of one client's ICE: as a lite agent it only answers checks and sends where the client
 * chose. It stands in for werift's own connection, which opens sockets for every client.
 */
import { Event, type IceConnection, type IceState } from 'werift'
import type { IceListener, MediaPath, UdpSockets } from './udp-sockets.ts'

export interface IceLite {
  /** What werift's DTLS runs over. */
  connection: IceConnection
  readonly ufrag: string
  readonly password: string
  /** Of the last signed check; null before the first. */
  readonly lastCheckAt: number | null
  send(packet: Buffer): void
  /** New names; the client's checks under the old ones are answered until it has gone over. */
  restart(): void
  close(): void
}

const sent = Promise.resolve()
/** Enough for the answer that is on its way and the one before. */
const maxCredentials = 3

export function createIceLite({
  sockets,
  now,
  random,
  onError,
}: {
  sockets: UdpSockets
  now(): number
  random(bytes: number): Buffer
  onError(error: unknown): void
}): IceLite {
  const credentials: { ufrag: string; password: string }[] = []
  const onData = new Event<[Buffer]>()
  let path: MediaPath | null = null
  let isNominated = false
  let lastCheckAt: number | null = null
  let isClosed = false

  const listener: IceListener = {
    checked(by, isNominating) {
      lastCheckAt = now()
      if (isNominating || !isNominated) path = by
      if (isNominating) isNominated = true
    },
    received(packet) {
      // What a client sends may confuse its own connection, and nothing else.
      try {
        onData.execute(packet)
      } catch (error) {
        onError(error)
      }
    },
  }

  function restart(): void {
    if (isClosed) return
    const name = {
      ufrag: random(6).toString('base64url'),
      password: random(24).toString('base64url').replace(/[-_]/g, 'x'),
    }
    name.ufrag = name.ufrag.replace(/[-_]/g, 'x')
    credentials.push(name)
    sockets.addListener(name.ufrag, name.password, listener)
    isNominated = false
    if (credentials.length > maxCredentials)
      sockets.removeListener(credentials.shift()?.ufrag ?? '')
  }
  restart()

  const current = () => {
    const name = credentials.at(-1)
    if (!name) throw new Error('closed')
    return name
  }

  function close(): void {
    isClosed = true
    for (const { ufrag } of credentials) sockets.removeListener(ufrag)
    sockets.removeRoutes(listener)
    onData.allUnsubscribe()
    path = null
  }

  return {
    connection: toConnection({
      onData,
      send(packet) {
        path?.send(packet)
        return sent
      },
      close: async () => {
        close()
      },
    }),
    get ufrag() {
      return current().ufrag
    },
    get password() {
      return current().password
    },
    get lastCheckAt() {
      return lastCheckAt
    },
    send(packet) {
      path?.send(packet)
    },
    restart,
    close,
  }
}

/** Nearly all of werift's interface is about what a lite agent does not do. */
function toConnection(own: Pick<IceConnection, 'onData' | 'send' | 'close'>): IceConnection {
  const nothing = () => Promise.resolve()
  return {
    ...own,
    iceLite: true,
    iceControlling: false,
    localUsername: '',
    localPassword: '',
    remoteUsername: 'client',
    remotePassword: 'client',
    remoteIsLite: false,
    checkList: [],
    localCandidates: [],
    remoteCandidates: [],
    candidatePairs: [],
    generation: 0,
    options: { iceLite: true, useTcp: false, useIpv4: true, useIpv6: false },
    remoteCandidatesEnd: true,
    localCandidatesEnd: true,
    state: 'connected',
    stateChanged: new Event<[IceState]>(),
    onIceCandidate: new Event(),
    restart() {},
    setRemoteParams() {},
    gatherCandidates: nothing,
    connect: nothing,
    addRemoteCandidate: nothing,
    getDefaultCandidate: () => undefined,
    resetNominatedPair() {},
  }
}
