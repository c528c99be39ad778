/** Sends prepared HTTP requests over keep-alive connections, one outstanding on each, and reads the answers. */
import { connect } from 'node:net'

export interface Answer {
  status: number
  body: string
}

export interface Flooded {
  ms: number
  /** In the order of the requests. */
  answers: Answer[]
}

/** `method path`, headers and body as bytes that go out as they are. */
export function toRequest(
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = '',
): Buffer {
  const lines = Object.entries({
    host: 'localhost',
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`)
}

export async function flood(
  port: number,
  requests: readonly Buffer[],
  outstanding: number,
): Promise<Flooded> {
  const answers: Flooded['answers'] = []
  const began = performance.now()
  let next = 0

  async function work(): Promise<void> {
    const sender = await openSender(port)
    for (let mine = next++; mine < requests.length; mine = next++) {
      const request = requests[mine]
      if (request) answers[mine] = await sender.send(request)
    }
    sender.close()
  }

  await Promise.all(Array.from({ length: Math.min(outstanding, requests.length) }, work))
  return { ms: performance.now() - began, answers }
}

/** One keep-alive connection. */
export interface Sender {
  /** One at a time. */
  send(request: Buffer): Promise<Answer>
  close(): void
}

export function openSender(port: number): Promise<Sender> {
  return new Promise((opened, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    let waiting: { resolve(answer: Answer): void; reject(error: Error): void } | null = null
    let received = ''
    socket.on('connect', () =>
      opened({
        send: (request) =>
          new Promise((resolve, reject) => {
            waiting = { resolve, reject }
            socket.write(request)
          }),
        close: () => socket.destroy(),
      }),
    )
    socket.on('error', (error) => {
      reject(error)
      waiting?.reject(error)
    })
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const answer = parse(received)
      if (!answer) return
      received = ''
      waiting?.resolve(answer)
    })
  })
}

/** Undefined until the answer is whole. */
function parse(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
  const body = text.slice(end + 4)
  return body.length < length ? undefined : { status: Number(text.slice(9, 12)), body }
}
