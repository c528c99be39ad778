/** The built web client: read once at start, compressed beforehand, cached by what is in it. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { lookup } from 'mrmime'
import type { Config } from '../config/config.ts'
import { answer, answerBytes, type Header } from './answer.ts'
import type { Arrival } from './origins.ts'
import type { Exchange, RequestHead } from './request.ts'
import { contentSecurityPolicy } from './security-headers.ts'

interface StaticFile {
  type: string
  etag: string
  body: Buffer
  brotli: Buffer | null
  gzip: Buffer | null
}

export interface StaticFiles {
  /** False when it is not for this handler. */
  serve(exchange: Exchange, head: RequestHead, arrival: Pick<Arrival, 'host' | 'secure'>): boolean
}

/** `index.html` holds this where the page's nonce goes. */
const noncePlace = '__CSP_NONCE__'

/** `root` may be missing: then a page says how to build the client. */
export function createStaticFiles(
  root: string | null,
  config: Pick<Config, 'livekit'>,
  configuredOrigins: readonly string[],
): StaticFiles {
  const files = root === null ? new Map<string, StaticFile>() : readFolder(root)
  const index = files.get('/index.html')?.body.toString('utf8') ?? notBuilt

  function servePage(exchange: Exchange, { host, secure }: Pick<Arrival, 'host' | 'secure'>): void {
    const nonce = randomBytes(16).toString('base64')
    const own = { host, secure, configuredOrigins }
    const policy = contentSecurityPolicy(config, { nonce, ...own })
    answer(
      exchange,
      200,
      [
        ['content-type', 'text/html; charset=utf-8'],
        ['cache-control', 'no-cache'],
        ['content-security-policy', policy],
      ],
      index.replaceAll(noncePlace, nonce),
    )
  }

  function serveFile(exchange: Exchange, head: RequestHead, path: string, file: StaticFile): void {
    // A hash in the name: this very content for ever.
    const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache'
    const headers: Header[] = [
      ['etag', file.etag],
      ['cache-control', cache],
      ['vary', 'accept-encoding'],
      // Workers take the policy of their own script's answer.
      ['content-security-policy', contentSecurityPolicy(config, null)],
    ]
    if (head.headers.get('if-none-match') === file.etag) {
      answer(exchange, 304, headers)
      return
    }
    const accepts = head.headers.get('accept-encoding') ?? ''
    const [encoding, body] =
      file.brotli && /\bbr\b/.test(accepts)
        ? (['br', file.brotli] as const)
        : file.gzip && /\bgzip\b/.test(accepts)
          ? (['gzip', file.gzip] as const)
          : ([null, file.body] as const)
    headers.push(['content-type', file.type])
    if (encoding) headers.push(['content-encoding', encoding])
    answerBytes(exchange, 200, headers, body)
  }

  return {
    serve(exchange, head, arrival) {
      if (head.method !== 'GET' && head.method !== 'HEAD') return false
      const path = decodePath(head.path)
      if (path === undefined) return false
      const file = path === '/index.html' ? undefined : files.get(path)
      if (file) {
        serveFile(exchange, head, path, file)
        return true
      }
      // Pages of the client: no file ending, asked for by somebody who wants a page.
      const wantsPage = (head.headers.get('accept') ?? '').includes('text/html')
      if (path !== '/' && path !== '/index.html' && (!wantsPage || /\.[a-z0-9]+$/i.test(path))) {
        return false
      }
      servePage(exchange, arrival)
      return true
    },
  }
}

/** Undefined for anything but plain absolute paths. */
function decodePath(path: string): string | undefined {
  try {
    const decoded = decodeURIComponent(path)
    const isPlain = !/[\0\\]|\/\/|(^|\/)\.\.?(\/|$)/.test(decoded)
    return isPlain ? decoded : undefined
  } catch {
    return undefined
  }
}

function readFolder(root: string): Map<string, StaticFile> {
  const files = new Map<string, StaticFile>()
  let names: string[]
  try {
    names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  } catch {
    return files
  }
  const read = (name: string) => (names.includes(name) ? readFileSync(join(root, name)) : null)
  for (const name of names) {
    if (/\.(br|gz)$/.test(name) || !statSync(join(root, name)).isFile()) continue
    const body = readFileSync(join(root, name))
    files.set(`/${relative('', name).split(sep).join('/')}`, {
      type: typeOf(name),
      etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
      body,
      brotli: read(`${name}.br`),
      gzip: read(`${name}.gz`),
    })
  }
  return files
}

function typeOf(name: string): string {
  const type = lookup(name) ?? 'application/octet-stream'
  return /^text\/|javascript|json|svg/.test(type) ? `${type}; charset=utf-8` : type
}

const notBuilt = `<!doctype html><meta charset="utf-8"><title>Chatto Calls</title>
<p>The web client is not built yet. Run <code>npm start</code>, or <code>npm run build</code>.</p>`
