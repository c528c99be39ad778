/** What is under way between clients and one media process: connections, and RoomService requests. */
import { jsonAnswer, type TwirpAnswer, type TwirpRequest } from '../api/twirp.ts'
import type { MediaGrants } from '../link/media-grants.ts'
import type { Frame, FromMediaProcess, MediaStats } from '../link/messages.ts'
import { SignalRefused, type SignalPath, type SignalPeer } from '../link/signal.ts'
import type { ProcessLink } from './process-link.ts'

/** A connection that the media process took. */
export interface CarriedSignal {
  /** The client's socket is open: what was said meanwhile is sent now. */
  start(peer: SignalPeer): void
  receive(frame: Uint8Array): void
  /** The client's socket is closed, or was never opened. */
  closed(): void
}

export interface Relay {
  open(path: SignalPath, query: string, grants: MediaGrants): Promise<CarriedSignal>
  twirp(request: TwirpRequest): Promise<TwirpAnswer>
  receive(frame: Frame<FromMediaProcess>): void
  stats(): MediaStats | null
  /** Everything that is under way is over. */
  end(): void
}

/** “Service restart”: clients come back by themselves. */
const restartCode = 1012
const answerWithinMs = 8_000
/** So many may wait for the media process at once; more is a flood. */
const maxPending = 200

interface Connection {
  peer: SignalPeer | null
  /** Until there is a peer. */
  queued: ((peer: SignalPeer) => void)[]
}

interface Pending<T> {
  resolve(value: T): void
  reject(error: Error): void
  timer: NodeJS.Timeout
}

export function createRelay(link: ProcessLink): Relay {
  const connections = new Map<number, Connection>()
  const pendingOpens = new Map<number, Pending<CarriedSignal>>()
  const pendingTwirp = new Map<number, Pending<TwirpAnswer>>()
  let stats: MediaStats | null = null
  let lastId = 0
  const nextId = () => (lastId = (lastId + 1) >>> 0)

  function wait<T>(
    pending: Map<number, Pending<T>>,
    id: number,
    onTimeout: () => void,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        pending.delete(id)
        onTimeout()
        reject(unavailable('the media process does not answer'))
      }, answerWithinMs)
      pending.set(id, { resolve, reject, timer })
    })
  }

  function removePending<T>(pending: Map<number, Pending<T>>, id: number): Pending<T> | undefined {
    const found = pending.get(id)
    pending.delete(id)
    clearTimeout(found?.timer)
    return found
  }

  function deliver(id: number, send: (peer: SignalPeer) => void): void {
    const connection = connections.get(id)
    if (connection?.peer) send(connection.peer)
    else connection?.queued.push(send)
  }

  function createCarriedSignal(id: number): CarriedSignal {
    const connection: Connection = { peer: null, queued: [] }
    connections.set(id, connection)
    return {
      start(peer) {
        connection.peer = peer
        connection.queued.splice(0).forEach((send) => send(peer))
      },
      receive(frame) {
        if (connections.has(id)) link.sendSignal(id, frame)
      },
      closed() {
        if (connections.delete(id)) link.send({ type: 'closed', id })
      },
    }
  }

  return {
    stats: () => stats,

    async open(path, query, grants) {
      if (pendingOpens.size >= maxPending) throw unavailable('too many connect at once')
      const id = nextId()
      const opened = wait(pendingOpens, id, () => link.send({ type: 'closed', id }))
      link.send({ type: 'open', id, path, query, grants })
      return opened
    },

    async twirp({ method, path, authorization, contentType, body }) {
      if (pendingTwirp.size >= maxPending) return unavailableAnswer('too many requests at once')
      const id = nextId()
      const answered = wait(pendingTwirp, id, () => undefined)
      link.send({
        type: 'twirp',
        id,
        method,
        path,
        authorization: authorization ?? null,
        contentType,
        body: Buffer.from(body).toString('base64'),
      })
      return answered.catch((error: unknown) =>
        unavailableAnswer(error instanceof Error ? error.message : ''),
      )
    },

    receive(frame) {
      if (frame.kind === 'signal') {
        // Its memory is part of a bigger piece that may be waiting for nothing else.
        const data = Uint8Array.from(frame.data)
        deliver(frame.id, (peer) => peer.send(data))
        return
      }
      const { message } = frame
      switch (message.type) {
        case 'opened':
          removePending(pendingOpens, message.id)?.resolve(createCarriedSignal(message.id))
          return
        case 'refused':
          removePending(pendingOpens, message.id)?.reject(
            new SignalRefused(toStatus(message.status), message.message),
          )
          return
        case 'close': {
          const { id, code, reason } = message
          deliver(id, (peer) => peer.close(code, reason))
          // One that never started still has to be told; it holds its own record.
          connections.delete(id)
          return
        }
        case 'twirp':
          removePending(pendingTwirp, message.id)?.resolve({
            status: message.status,
            contentType: message.contentType,
            body: Buffer.from(message.body, 'base64'),
          })
          return
        case 'pong':
          stats = message.stats
          return
        case 'status':
        case 'attached':
        case 'failed':
        case 'log':
        case 'superseded':
          // The link's and the carrier's.
          return
        default:
          return message satisfies never
      }
    },

    end() {
      const gone = unavailable('the media process is gone')
      for (const id of [...pendingOpens.keys()]) removePending(pendingOpens, id)?.reject(gone)
      for (const id of [...pendingTwirp.keys()]) removePending(pendingTwirp, id)?.reject(gone)
      for (const id of [...connections.keys()]) {
        deliver(id, (peer) => peer.close(restartCode, 'come back'))
        connections.delete(id)
      }
    },
  }
}

function toStatus(status: number): SignalRefused['status'] {
  return status === 400 || status === 401 || status === 403 || status === 404 ? status : 503
}

export function unavailable(message: string): SignalRefused {
  return new SignalRefused(503, message)
}

export function unavailableAnswer(msg: string): TwirpAnswer {
  return jsonAnswer(503, { code: 'unavailable', msg })
}
