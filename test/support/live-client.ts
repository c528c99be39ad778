/** A live socket by any client: keeps every message as it came, checked against the wire's schemas. */
import { WebSocket } from 'ws'
import { serverMessageSchema, type ServerMessage } from '../../server/protocol/live.ts'

export interface LiveClientOptions {
  /** In place of the person's; `authorization` undefined opens it without a session. */
  headers?: Readonly<Record<string, string | undefined>>
  /** Do not wait for the welcome: it will not come. */
  unwelcome?: boolean
}

type OfType<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>

export interface LiveClient {
  readonly socket: WebSocket
  readonly messages: readonly ServerMessage[]
  /** As they came, for what must not be in them. */
  readonly texts: readonly string[]
  readonly closed: Promise<{ code: number; reason: string }>
  readonly welcome: OfType<'welcome'>
  say(message: unknown): void
  sayRaw(data: string | Buffer): void
  /** The first such message since the start, whether it is there or comes yet. */
  until<T extends ServerMessage['type']>(
    type: T,
    fits?: (message: OfType<T>) => boolean,
  ): Promise<OfType<T>>
  /** Resolves when everything of that room that was owed before is here. */
  settled(roomId: string): Promise<void>
  /** All facts of a room as they came, doubled ones too. */
  factsOf(roomId: string): OfType<'facts'>['facts']
  /** Forgets the messages up to now. */
  forget(): void
  close(): Promise<void>
}

/** Rejects when the upgrade is refused: `Unexpected server response: 403`. */
export async function openLive(port: number, options: LiveClientOptions = {}): Promise<LiveClient> {
  const given = Object.entries(options.headers ?? {})
  const headers = Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >
  const socket = new WebSocket(`ws://127.0.0.1:${port}/api/live`, { headers })
  const messages: ServerMessage[] = []
  const texts: string[] = []
  const listeners = new Set<() => void>()
  let broken: Error | null = null
  let failure: Error | null = null
  let end: { code: number; reason: string } | null = null

  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      end = { code, reason: reason.toString() }
      resolve(end)
      listeners.forEach((listener) => listener())
    })
  })
  socket.on('message', (data: Buffer) => {
    const text = data.toString('utf8')
    texts.push(text)
    const parsed = serverMessageSchema.safeParse(JSON.parse(text))
    if (parsed.success) messages.push(parsed.data as ServerMessage)
    else broken = new Error(`no message of the contract: ${text}\n${parsed.error.message}`)
    listeners.forEach((listener) => listener())
  })
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve)
    socket.once('error', reject)
  })
  socket.on('error', (error) => (failure = error))

  async function until<T extends ServerMessage['type']>(
    type: T,
    fits: (message: OfType<T>) => boolean = () => true,
  ): Promise<OfType<T>> {
    const find = () =>
      messages.filter((message): message is OfType<T> => message.type === type).find(fits)
    return new Promise((resolve, reject) => {
      const stop = () => {
        clearTimeout(timer)
        listeners.delete(look)
      }
      const look = () => {
        const found = find()
        if (!found && !broken && !end) return
        stop()
        if (found) resolve(found)
        else if (broken) reject(broken)
        else
          reject(
            new Error(
              `closed (${end?.code} ${end?.reason || failure?.message}) before any ${type}; ${texts.slice(-5).join('\n')}`,
            ),
          )
      }
      const timer = setTimeout(() => {
        stop()
        reject(new Error(`no such ${type} came; ${texts.slice(-5).join('\n')}`))
      }, 8_000)
      listeners.add(look)
      look()
    })
  }

  const client: LiveClient = {
    socket,
    messages,
    texts,
    closed,
    get welcome() {
      const first = messages[0]
      if (first?.type !== 'welcome') throw new Error('not welcomed')
      return first
    },
    say: (message) => socket.send(JSON.stringify(message)),
    sayRaw: (data) => socket.send(data),
    until,
    async settled(roomId) {
      // A number ahead of the server's is answered by a view, after everything that was owed.
      const before = messages.length
      client.say({ type: 'sync', rooms: { [roomId]: Number.MAX_SAFE_INTEGER } })
      await until('view', (view) => view.roomId === roomId && messages.indexOf(view) >= before)
    },
    factsOf: (roomId) =>
      messages.flatMap((message) =>
        message.type === 'facts' && message.roomId === roomId ? message.facts : [],
      ),
    forget() {
      messages.length = 0
    },
    async close() {
      socket.close()
      await closed
    },
  }
  if (!options.unwelcome) await until('welcome')
  return client
}
