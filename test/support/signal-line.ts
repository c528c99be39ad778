/** A session of LiveKit's without media: signalling only, as a client that keeps its tokens would hold it. */
import { SignalResponse } from '@livekit/protocol'
import { WebSocket } from 'ws'
import { until } from './until.ts'

export interface SignalLine {
  /** LiveKit hands one to every session; it outlives the session (livekit-facts.md). */
  untilRefreshedToken(): Promise<string>
  untilClosed(timeoutMs: number): Promise<void>
  close(): void
}

/** Resolves when LiveKit lets the session in; rejects when it does not. */
export async function openSignalLine(livekitUrl: string, token: string): Promise<SignalLine> {
  const query = new URLSearchParams({ access_token: token, auto_subscribe: '1', protocol: '15' })
  const socket = new WebSocket(`${livekitUrl}/rtc?${query}`)
  let refreshed: string | null = null
  let isIn = false
  let isClosed = false
  let failure: Error | null = null
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', () => {
    isClosed = true
  })
  socket.on('message', (data: Buffer) => {
    const { message } = SignalResponse.fromBinary(data)
    if (message.case === 'join') isIn = true
    if (message.case === 'refreshToken') refreshed = message.value
  })
  await until('LiveKit lets the session in', 10_000, () => {
    if (failure) throw failure
    return isIn || isClosed
  })
  return {
    untilRefreshedToken: () => until('LiveKit refreshes the token', 10_000, () => refreshed),
    async untilClosed(timeoutMs) {
      await until('LiveKit ends the session', timeoutMs, () => isClosed)
    },
    close: () => socket.close(),
  }
}
