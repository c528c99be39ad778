/** One change on 1,000 sockets, from the request to the last of them, beside a bare uWebSockets publish of the same text to as many. */
import { fork } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { makeRooms, portOf, signUp, startBenchServer } from './support/crowd.ts'
import { openReaders, type Readers } from './support/readers.ts'
import { flood, openSender, toRequest } from './support/flood.ts'
import { median, percent, type BenchResult } from './support/result.ts'

const sockets = 1_000
const changes = 100
/** Until what runs often is compiled. */
const warmUp = 200
const rounds = 5
const least = 0.7

export async function benchFanOut(): Promise<BenchResult> {
  const server = await startBenchServer()
  const bare = await startBare()
  let ours: Readers | null = null
  let theirs: Readers | null = null
  try {
    const [ada] = await signUp(server, ['ada'])
    if (!ada) throw new Error('nobody is there')
    const [room] = await makeRooms(server, [ada], 1)
    if (!room) throw new Error('there is no room')
    ours = await openReaders(portOf(server), '/api/live', sockets, {
      authorization: `Bearer ${ada.token}`,
    })
    theirs = await openReaders(bare.port, '/', sockets)
    const message = { text: 'One change, for everybody who looks.' }
    const post = toRequest(
      'POST',
      `/api/rooms/${room.id}/messages`,
      { authorization: `Bearer ${ada.token}`, 'content-type': 'application/json' },
      JSON.stringify(message),
    )
    // As long as a fact that goes out.
    const text = JSON.stringify({
      type: 'facts',
      roomId: room.id,
      seq: 1_000,
      facts: [
        {
          type: 'message.posted',
          ...message,
          by: ada.user.id,
          source: 'user',
          at: Date.now(),
          seq: 1_000,
        },
      ],
    })
    const publish = toRequest('POST', '/', {}, text)
    await untilAllWatch(ours, () => flood(portOf(server), [post], 1))
    const our: number[] = []
    const their: number[] = []
    await timesOf(warmUp, portOf(server), post, ours)
    await timesOf(warmUp, bare.port, publish, theirs)
    for (let i = 0; i < rounds; i++) {
      our.push(median(await timesOf(changes, portOf(server), post, ours)))
      their.push(median(await timesOf(changes, bare.port, publish, theirs)))
    }
    const ratio = median(their) / median(our)
    return {
      lines: [
        `message → commit → the last of ${sockets} sockets: ${inMs(median(our))} (${our.map(inMs).join(', ')})`,
        `bare publish → the last of ${sockets} sockets: ${inMs(median(their))} (${their.map(inMs).join(', ')})`,
        `ratio ${percent(ratio)}`,
      ],
      limit: `at least ${percent(least)} of the bare publish`,
      isFine: ratio >= least,
    }
  } finally {
    ours?.close()
    theirs?.close()
    bare.stop()
    await server.dispose()
  }
}

/** Milliseconds from a request to its last socket, of one change after the other. */
async function timesOf(
  count: number,
  port: number,
  request: Buffer,
  readers: Readers,
): Promise<number[]> {
  const sender = await openSender(port)
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const began = performance.now()
    await Promise.all([readers.untilMore(sockets), sender.send(request)])
    times.push(performance.now() - began)
  }
  sender.close()
  return times
}

const inMs = (ms: number) => `${ms.toFixed(1)} ms`

/** Whoever is welcomed watches a moment later; until then it gets several changes in one message. */
async function untilAllWatch(readers: Readers, change: () => Promise<unknown>): Promise<void> {
  const quietMs = 250
  for (let came = 0; came !== sockets;) {
    const before = readers.frames()
    await change()
    for (let last = -1; last !== readers.frames();) {
      last = readers.frames()
      await setTimeout(quietMs)
    }
    came = readers.frames() - before
  }
}

function startBare(): Promise<{ port: number; stop(): void }> {
  const child = fork(fileURLToPath(new URL('support/bare-publish.ts', import.meta.url)))
  return new Promise((resolve, reject) => {
    child.once('message', (port) =>
      resolve({ port: Number(port), stop: () => child.kill('SIGKILL') }),
    )
    child.once('exit', (code) => reject(new Error(`the bare server ended with ${code}`)))
  })
}
