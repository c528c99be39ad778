/** The web process's end of the socket to the media process: connects, sends, hears, notices silence. */
import { connect } from 'node:net'
import {
  createFrameReader,
  encodeMessage,
  encodeSignal,
  linkVersion,
  type Frame,
  type FromMediaProcess,
  type ToMediaProcess,
} from '../link/messages.ts'

export interface ProcessLink {
  readonly pid: number
  /** What the media process was made with; null: it waits to be told. */
  readonly configHash: string | null
  /** False: it is of another program and understands nothing but `end`. */
  readonly isOurs: boolean
  send(message: ToMediaProcess): void
  sendSignal(id: number, data: Uint8Array): void
  onFrame(listener: (frame: Frame<FromMediaProcess>) => void): void
  /** Called once; `silent` when it was given up because nothing was heard. */
  onLost(listener: (how: 'closed' | 'silent') => void): void
  close(): void
}

const statusWithinMs = 5_000
const pingEveryMs = 4_000
/** Counted in pings and not in time: a machine that slept is not a process that hangs. */
const maxUnansweredPings = 4
/** More than this waiting to be read means that nobody reads. */
const maxUnreadBytes = 64 * 1024 * 1024

/** Undefined when nobody listens there. */
export function connectToMediaProcess(socketPath: string): Promise<ProcessLink | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const read = createFrameReader<FromMediaProcess>()
    const frameListeners: ((frame: Frame<FromMediaProcess>) => void)[] = []
    const lostListeners: ((how: 'closed' | 'silent') => void)[] = []
    let pendingFrames: Frame<FromMediaProcess>[] = []
    let isSilent = false
    let unansweredPings = 0
    let ping: NodeJS.Timeout | undefined
    const statusTimeout = setTimeout(() => socket.destroy(), statusWithinMs)

    function write(bytes: Buffer): void {
      if (socket.destroyed) return
      socket.write(bytes)
      if (socket.writableLength > maxUnreadBytes) giveUp()
    }
    function giveUp(): void {
      isSilent = true
      socket.destroy()
    }
    function sendPing(): void {
      unansweredPings += 1
      if (unansweredPings > maxUnansweredPings) giveUp()
      else write(encodeMessage({ type: 'ping' }))
    }

    function receive(frame: Frame<FromMediaProcess>): void {
      unansweredPings = 0
      if (frame.kind === 'message' && frame.message.type === 'status') {
        clearTimeout(statusTimeout)
        ping ??= setInterval(sendPing, pingEveryMs)
        const { pid, configHash, linkVersion: theirs } = frame.message
        resolve({
          pid,
          configHash,
          isOurs: theirs === linkVersion,
          send: (message) => write(encodeMessage(message)),
          sendSignal: (id, data) => write(encodeSignal(id, data)),
          onFrame(listener) {
            frameListeners.push(listener)
            const missed = pendingFrames
            pendingFrames = []
            missed.forEach(listener)
          },
          onLost(listener) {
            if (socket.closed) listener(isSilent ? 'silent' : 'closed')
            else lostListeners.push(listener)
          },
          close: () => socket.destroySoon(),
        })
      } else if (frameListeners.length === 0) {
        pendingFrames.push(frame)
      } else {
        frameListeners.forEach((listener) => listener(frame))
      }
    }

    socket.on('data', (chunk) => {
      try {
        read(chunk).forEach(receive)
      } catch {
        giveUp()
      }
    })
    // Whatever the error is, `close` follows.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(statusTimeout)
      clearInterval(ping)
      resolve(undefined)
      lostListeners.forEach((listener) => listener(isSilent ? 'silent' : 'closed'))
    })
  })
}
