/** A proxy in front of LiveKit, as people have it: under a path that it takes away, with or without TLS. */
import { createServer as createHttp, request, type IncomingMessage } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { readFileSync } from 'node:fs'
import { connect, type AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { prepareTls } from '../../server/http/tls.ts'

export interface LivekitProxy {
  /** `ws://127.0.0.1:…/sfu` */
  readonly url: string
  /** What was asked, as the proxy got it. */
  readonly paths: string[]
  close(): void
}

/** `tlsFolder`: TLS by a certificate of its own, made there; nobody trusts it. */
export async function openLivekitProxy({
  livekitUrl,
  path = '',
  tlsFolder = null,
}: {
  livekitUrl: string
  path?: string
  tlsFolder?: string | null
}): Promise<LivekitProxy> {
  const { hostname, port } = new URL(livekitUrl)
  const paths: string[] = []
  const open = new Set<Duplex>()

  /** Undefined for what is not below the path. */
  function below({ url = '' }: IncomingMessage): string | undefined {
    paths.push(url)
    return url.startsWith(`${path}/`) ? url.slice(path.length) : undefined
  }

  const files = { certificateFile: `${tlsFolder}/cert.pem`, keyFile: `${tlsFolder}/key.pem` }
  if (tlsFolder !== null) {
    await prepareTls({ is: 'self-signed', ...files, hosts: ['127.0.0.1'] }, Date.now())
  }
  const server =
    tlsFolder === null
      ? createHttp()
      : createHttps({
          cert: readFileSync(files.certificateFile),
          key: readFileSync(files.keyFile),
        })

  server.on('request', (incoming, outgoing) => {
    const asked = below(incoming)
    if (asked === undefined) {
      outgoing.writeHead(404).end('<h1>Not Found</h1>')
      return
    }
    const { method, headers } = incoming
    const onward = request({ hostname, port, path: asked, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  server.on('upgrade', (incoming: IncomingMessage, socket: Duplex, head: Buffer) => {
    const asked = below(incoming)
    if (asked === undefined) {
      socket.end('HTTP/1.1 404 Not Found\r\n\r\n')
      return
    }
    const onward = connect(Number(port), hostname, () => {
      const lines = [`${incoming.method} ${asked} HTTP/1.1`]
      for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
        lines.push(`${incoming.rawHeaders[i]}: ${incoming.rawHeaders[i + 1]}`)
      }
      onward.write(`${lines.join('\r\n')}\r\n\r\n`)
      onward.write(head)
      socket.pipe(onward).pipe(socket)
    })
    for (const one of [socket, onward]) {
      open.add(one)
      one.on('error', () => undefined)
      one.on('close', () => {
        socket.destroy()
        onward.destroy()
      })
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const scheme = tlsFolder === null ? 'ws' : 'wss'
  return {
    url: `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    paths,
    close() {
      open.forEach((socket) => socket.destroy())
      server.closeAllConnections()
      server.close()
    },
  }
}
