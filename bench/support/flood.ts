/** Sends prepared HTTP requests over keep-alive connections, one outstanding on each, and reads the answers. */
import { connect } from 'node:net'

export interface Flooded {
  ms: number
  /** In the order of the requests. */
  answers: { status: number; body: string }[]
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

  function worker(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      let mine = -1
      let received = ''
      const send = () => {
        mine = next++
        const request = requests[mine]
        if (request) socket.write(request)
        else socket.end(() => resolve())
      }
      socket.on('connect', send)
      socket.on('error', reject)
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1')
        const answer = parse(received)
        if (!answer) return
        received = ''
        answers[mine] = answer
        send()
      })
    })
  }

  await Promise.all(Array.from({ length: Math.min(outstanding, requests.length) }, worker))
  return { ms: performance.now() - began, answers }
}

/** Undefined until the answer is whole. */
function parse(text: string): { status: number; body: string } | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
  const body = text.slice(end + 4)
  return body.length < length ? undefined : { status: Number(text.slice(9, 12)), body }
}
