/**
 * The live socket: opens it, keeps it open, comes back with growing waits. What its messages mean is
 * the stores' business.
 */
import type { ClientMessage, ServerMessage } from '../../server/protocol/live.ts'
import { growingWaitMs } from './growing-wait.ts'
import { serverClock } from './server-clock.ts'

export type LiveState = 'connecting' | 'live' | 'lost' | 'ended'

export interface LiveClientOptions {
  url: string
  onMessage(message: ServerMessage): void
  /** `reason`: why the server ended it. */
  onState(state: LiveState, reason?: string): void
  /** 0 to 1; spreads the returns of many clients after a restart. */
  random(): number
}

export interface LiveClient {
  open(): void
  send(message: ClientMessage): void
  close(): void
}

const pingEveryMs = 20_000
const restarting = 1012
/** Not signed in, or the session ended: coming back by itself makes no sense. */
const isFinal = (code: number) => code === 4401 || code === 4403

export function createLiveClient(options: LiveClientOptions): LiveClient {
  let socket: WebSocket | null = null
  let tries = 0
  let retry: ReturnType<typeof setTimeout> | null = null
  let ping: ReturnType<typeof setInterval> | null = null
  let answered = true
  let wanted = false
  /** When what is to be answered with the server's time was sent. */
  let askedAt: number | null = null

  function open(): void {
    wanted = true
    if (socket) return
    if (retry) clearTimeout(retry)
    retry = null
    options.onState('connecting')
    const opened = new WebSocket(options.url)
    askedAt = performance.now()
    socket = opened
    opened.onmessage = ({ data }) => {
      if (socket !== opened) return
      answered = true
      const message = JSON.parse(String(data)) as ServerMessage
      if ('at' in message && askedAt !== null) {
        serverClock.addSample({ askedAt, answeredAt: performance.now(), at: message.at })
        askedAt = null
      }
      if (message.type === 'welcome') {
        tries = 0
        options.onState('live')
        // Its round trip is shorter than that of opening: it tells the server's time better.
        sendPing()
      }
      options.onMessage(message)
    }
    opened.onclose = ({ code, reason }) => {
      if (socket === opened) lost(code, reason)
    }
    answered = true
    ping = setInterval(() => {
      // A ping without any answer since the last one: the connection only looks open.
      if (!answered) {
        opened.close()
        lost(0)
        return
      }
      answered = false
      sendPing()
    }, pingEveryMs)
  }

  function sendPing(): void {
    askedAt = performance.now()
    send({ type: 'ping' })
  }

  function lost(code: number, reason?: string): void {
    socket = null
    if (ping) clearInterval(ping)
    if (!wanted) return
    if (isFinal(code)) {
      wanted = false
      options.onState('ended', reason)
      return
    }
    options.onState('lost')
    // A restart is short: who was told of one is back at once.
    const waitMs = growingWaitMs(code === restarting ? 0 : tries, options.random())
    tries += 1
    retry = setTimeout(open, waitMs)
  }

  function send(message: ClientMessage): void {
    if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message))
  }

  /** The network or the page is back: no reason to wait any longer. */
  function hurry(): void {
    if (!wanted || socket || document.visibilityState === 'hidden') return
    tries = 0
    open()
  }
  window.addEventListener('online', hurry)
  document.addEventListener('visibilitychange', hurry)

  return {
    open,
    send,
    close() {
      wanted = false
      if (retry) clearTimeout(retry)
      if (ping) clearInterval(ping)
      socket?.close()
      socket = null
    },
  }
}
