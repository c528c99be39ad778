/** Sees to it that a media process of the right settings runs: finds it, starts it, starts it again. */
import type { Logger } from 'pino'
import type { MediaProcessConfig, MediaStats, WebhookTarget } from '../link/messages.ts'
import { connectToMediaProcess, type ProcessLink } from './process-link.ts'
import { relayLog } from './process-log.ts'
import { createRelay, type Relay } from './signal-relay.ts'
import type { LinkFiles } from './socket-path.ts'
import { configHash as hashOf, spawnMediaProcess, type SpawnedProcess } from './spawn-process.ts'

export interface ProcessSupervisor {
  start(webhooks: WebhookTarget): Promise<void>
  stop(options?: { endMedia?: boolean }): Promise<void>
  /** Waits while one is being started; undefined when none came in that time. */
  relay(withinMs: number): Promise<Relay | undefined>
  state(): { pid: number; stats: MediaStats | null } | null
}

/** Before the second, third … start in a row; the first is at once, for a call may be waiting. */
const backoffMs = [0, 500, 1_000, 2_000, 5_000, 10_000]
/** One that ran so long did not die of being started. */
const stableMs = 20_000
const startWithinMs = 20_000
const endWithinMs = 5_000
const connectEveryMs = 25

type State =
  | { is: 'stopped' }
  | { is: 'starting' }
  | { is: 'up'; link: ProcessLink; relay: Relay }
  /** Another web process has the media process; it is the one to talk to. */
  | { is: 'superseded' }

export function createProcessSupervisor({
  linkFiles: files,
  config,
  version,
  log,
}: {
  linkFiles: LinkFiles
  config: MediaProcessConfig
  version: string
  log: Logger
}): ProcessSupervisor {
  let state: State = { is: 'stopped' }
  let webhooks: WebhookTarget = { urls: [], certificate: null }
  let child: SpawnedProcess | null = null
  let endPause: (() => void) | null = null
  const waiters = new Set<(relay: Relay | undefined) => void>()

  function setState(next: State): void {
    state = next
    if (next.is === 'starting') return
    const relay = next.is === 'up' ? next.relay : undefined
    for (const waiter of [...waiters]) waiter(relay)
  }

  /** Of the program as it was loaded. */
  const hash = hashOf(config, version)

  /** Throws when there is none to be had. */
  async function connectOrStart(): Promise<void> {
    let link = await connectToMediaProcess(files.socketPath)
    if (link && !(link.isOurs && (link.configHash === null || link.configHash === hash))) {
      log.info({ mediaPid: link.pid }, 'the media process is of other settings and is replaced')
      await replace(link)
      link = undefined
    }
    link ??= await startProcess()
    await attach(link)
  }

  async function startProcess(): Promise<ProcessLink> {
    const started = spawnMediaProcess(files)
    child = started
    const deadline = performance.now() + startWithinMs
    while (performance.now() < deadline && !started.hasEnded()) {
      const link = await connectToMediaProcess(files.socketPath)
      if (link) return link
      await sleep(connectEveryMs)
    }
    started.kill()
    throw new Error(`the media process did not start; see ${files.logFile}`)
  }

  function attach(link: ProcessLink): Promise<void> {
    const relay = createRelay(link)
    let isUp = false
    let isSuperseded = false
    const upAt = performance.now()
    return new Promise((resolve, reject) => {
      const attachTimeout = setTimeout(() => {
        reject(new Error('the media process does not take its settings'))
        link.close()
      }, startWithinMs)
      link.onFrame((frame) => {
        relay.receive(frame)
        if (frame.kind === 'signal') return
        const { message } = frame
        if (message.type === 'log') relayLog(log, message.line)
        if (message.type === 'failed') reject(new Error(message.message))
        if (message.type === 'superseded') isSuperseded = true
        if (message.type !== 'attached') return
        if (state.is !== 'starting') {
          // Stopped meanwhile.
          link.send({ type: 'bye' })
          link.close()
        } else if (!isUp) {
          isUp = true
          clearTimeout(attachTimeout)
          log.info({ mediaPid: link.pid }, 'the media process carries calls')
          setState({ is: 'up', link, relay })
          resolve()
        }
      })
      link.onLost((how) => {
        clearTimeout(attachTimeout)
        relay.end()
        if (!isUp) {
          reject(new Error(`the media process ended while starting; see ${files.logFile}`))
          return
        }
        if (state.is !== 'up' || state.link !== link) return
        if (isSuperseded) {
          log.warn('another server has taken the media process over; calls go on there')
          setState({ is: 'superseded' })
          return
        }
        log.error({ mediaPid: link.pid, how }, 'the media process is gone and is started again')
        if (how === 'silent') killHung(link.pid)
        void restart(performance.now() - upAt > stableMs ? 0 : 1)
      })
      if (link.configHash === null) link.send({ type: 'configure', config, configHash: hash })
      link.send({ type: 'attach', webhooks })
    })
  }

  /** One that hangs holds its ports, and may wake up later. */
  function killHung(pid: number): void {
    if (child?.pid === pid) child.kill()
    else tryKill(pid)
  }

  async function restart(failures: number): Promise<void> {
    setState({ is: 'starting' })
    for (let attempt = failures; isStarting(); attempt += 1) {
      try {
        await connectOrStart()
        return
      } catch (error) {
        log.error({ err: error }, 'the media process could not be started')
        await pause(backoffMs[Math.min(attempt + 1, backoffMs.length - 1)] ?? 0)
      }
    }
  }

  const isStarting = () => state.is === 'starting'

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      endPause = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  return {
    async start(target) {
      webhooks = target
      setState({ is: 'starting' })
      try {
        await connectOrStart()
      } catch (error) {
        setState({ is: 'stopped' })
        throw error
      }
    },

    async stop({ endMedia = false } = {}) {
      const before = state
      setState({ is: 'stopped' })
      endPause?.()
      if (before.is !== 'up') {
        if (before.is === 'starting') child?.kill()
        return
      }
      const { link, relay } = before
      // First, so that the lost sockets are no loss to the media process.
      link.send({ type: endMedia ? 'end' : 'bye' })
      if (endMedia) await untilLost(link, endWithinMs)
      relay.end()
      link.close()
      await untilLost(link, endWithinMs)
    },

    relay(withinMs) {
      if (state.is === 'up') return Promise.resolve(state.relay)
      if (state.is !== 'starting') return Promise.resolve(undefined)
      return new Promise((resolve) => {
        const answer = (relay: Relay | undefined) => {
          clearTimeout(timer)
          waiters.delete(answer)
          resolve(relay)
        }
        const timer = setTimeout(() => answer(undefined), withinMs)
        waiters.add(answer)
      })
    },

    state: () => (state.is === 'up' ? { pid: state.link.pid, stats: state.relay.stats() } : null),
  }
}

async function replace(link: ProcessLink): Promise<void> {
  link.send({ type: 'end' })
  const isGone = await untilLost(link, endWithinMs)
  if (isGone) return
  tryKill(link.pid)
  await untilLost(link, endWithinMs)
}

/** It said its number over the private socket a moment ago. */
function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It is gone already.
  }
}

function untilLost(link: ProcessLink, withinMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), withinMs)
    link.onLost(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
