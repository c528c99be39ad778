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

export interface CarrierLink {
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
const mostUnanswered = 4
/** More than this waiting to be read means that nobody reads. */
const mostUnread = 64 * 1024 * 1024

/** Undefined when nobody listens there. */
export function findMediaProcess(socketPath: string): Promise<CarrierLink | undefined> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const read = createFrameReader<FromMediaProcess>()
    const frameListeners: ((frame: Frame<FromMediaProcess>) => void)[] = []
    const lostListeners: ((how: 'closed' | 'silent') => void)[] = []
    let early: Frame<FromMediaProcess>[] = []
    let isSilent = false
    let unanswered = 0
    let ping: NodeJS.Timeout | undefined
    const tooLate = setTimeout(() => socket.destroy(), statusWithinMs)

    function write(bytes: Buffer): void {
      if (socket.destroyed) return
      socket.write(bytes)
      if (socket.writableLength > mostUnread) giveUp()
    }
    function giveUp(): void {
      isSilent = true
      socket.destroy()
    }
    function beat(): void {
      unanswered += 1
      if (unanswered > mostUnanswered) giveUp()
      else write(encodeMessage({ type: 'ping' }))
    }

    function take(frame: Frame<FromMediaProcess>): void {
      unanswered = 0
      if (frame.kind === 'message' && frame.message.type === 'status') {
        clearTimeout(tooLate)
        ping ??= setInterval(beat, pingEveryMs)
        const { pid, configHash, linkVersion: theirs } = frame.message
        resolve({
          pid,
          configHash,
          isOurs: theirs === linkVersion,
          send: (message) => write(encodeMessage(message)),
          sendSignal: (id, data) => write(encodeSignal(id, data)),
          onFrame(listener) {
            frameListeners.push(listener)
            const missed = early
            early = []
            missed.forEach(listener)
          },
          onLost(listener) {
            if (socket.closed) listener(isSilent ? 'silent' : 'closed')
            else lostListeners.push(listener)
          },
          close: () => socket.destroySoon(),
        })
      } else if (frameListeners.length === 0) {
        early.push(frame)
      } else {
        frameListeners.forEach((listener) => listener(frame))
      }
    }

    socket.on('data', (chunk) => {
      try {
        read(chunk).forEach(take)
      } catch {
        giveUp()
      }
    })
    // Whatever the error is, `close` follows.
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(tooLate)
      clearInterval(ping)
      resolve(undefined)
      lostListeners.forEach((listener) => listener(isSilent ? 'silent' : 'closed'))
    })
  })
}
