/** A client that knows nothing but LiveKit's signalling (v0): what it asks, and the answers as they come. */
import { SignalRequest, SignalResponse } from '@livekit/protocol'
import WebSocket from 'ws'
import { until } from '../support/until.ts'

export interface RawSignal {
  readonly answers: SignalResponse['message'][]
  ask(message: SignalRequest['message']): void
  /** Waits for the first answer of which `pick` makes something. */
  untilAnswer<T extends object>(
    what: string,
    pick: (answer: SignalResponse['message']) => T | null,
  ): Promise<T>
  close(): Promise<void>
}

export async function openRawSignal(url: string, token: string): Promise<RawSignal> {
  const query = new URLSearchParams({
    access_token: token,
    auto_subscribe: '1',
    sdk: 'js',
    version: '2.23.0',
    protocol: '16',
  })
  const socket = new WebSocket(`${url}/rtc?${query}`)
  const answers: SignalResponse['message'][] = []
  socket.on('message', (frame: Buffer) => {
    answers.push(SignalResponse.fromBinary(frame).message)
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })

  return {
    answers,
    ask(message) {
      socket.send(new SignalRequest({ message }).toBinary())
    },
    untilAnswer: (what, pick) =>
      until(what, 5_000, () => answers.map(pick).find((picked) => picked !== null)),
    close: () =>
      new Promise((resolve) => {
        socket.once('close', () => {
          resolve()
        })
        socket.close()
      }),
  }
}
