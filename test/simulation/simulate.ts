/** One story from one seed: people, browsers, LiveKit and our server, until nothing moves any more. */
import { defaultTiming } from '../../machines/call.context.ts'
import type { Store } from '../../persistence/store.ts'
import { followFacts } from '../../server/protocol/follow-room.ts'
import { planActions } from './actions.ts'
import { createFaults, type PlannedFault } from './faults.ts'
import { createLedger } from './ledger.ts'
import { createLivekitPort } from './livekit-port.ts'
import { createSimulatedLivekit } from './livekit.ts'
import { createNetwork } from './network.ts'
import { createPeople } from './people.ts'
import { createRandom } from './random.ts'
import { createServer, type Planted, type SimulatedServer } from './server.ts'
import { createStoreGates } from './store-gates.ts'
import { createTruth } from './truth.ts'
import { createSimulatedClock, createWorld, startsAt, type Owner } from './world.ts'

export interface Outcome {
  seed: number
  broken: { rule: string; what: string } | null
  story: readonly string[]
  /** What the story was about. */
  title: string
  /** For figures: how much happened. */
  events: { commits: number; facts: number; generations: number; simulatedMs: number }
}

const quietForMs = 100_000
const tickMs = 250

export async function simulate(
  store: Store,
  seed: number,
  planted: Planted = {},
): Promise<Outcome> {
  const random = (concern: string) => createRandom(seed, concern)
  const plot = random('plot')
  const world = createWorld(random('order'))
  const lengthMs = plot.between(20_000, 90_000)
  const faults = createFaults(world, random('faults'), random('lines'), startsAt + lengthMs)
  const roomId = `room${seed}`
  const names = ['Ada', 'Bo', 'Cleo', 'Ivo'].slice(0, plot.between(1, 4))
  const userIds = names.map((name) => name.toLowerCase())
  let ids = 0
  const newId = () => `i${++ids}`
  let commits = 0

  await store.rooms.create(
    {
      roomId,
      name: roomId,
      kind: 'room',
      visibility: 'private',
      ownerId: 'owner',
      dmKey: null,
      createdAt: startsAt,
    },
    userIds,
  )

  let server: SimulatedServer | null = null
  let generations = 0
  const running = () => (server?.listens() ? server : null)
  const nameOf = (identity: string): string => people.nameOf(identity)

  const ledger = createLedger(world, roomId, ['owner', ...userIds], nameOf, (change, facts, at) => {
    commits += 1
    truth.judge(change, facts, at)
  })
  const network = createNetwork(world, faults, random('network'), running)
  const livekit = createSimulatedLivekit(
    world,
    faults,
    random('livekit'),
    (body) => send(body),
    nameOf,
  )
  const truth = createTruth({
    world,
    faults,
    livekit,
    ledger: () => ledger,
    roomId,
    nameOf,
    isWanted: (identity) => people.isWanted(identity),
    clients: () =>
      people.all.map((person) => ({
        name: person.name,
        userId: person.userId,
        client: person.client,
        online: person.isOnline(),
      })),
    serverIsUp: () => running() !== null,
    serverAheadMs: () => (server ? server.now() - world.now() : 0),
  })
  const people = createPeople({
    world,
    random: random('people'),
    network,
    livekit,
    ledger,
    truth,
    roomId,
    planted,
    server: running,
    newId: () => `p${++ids}`,
    line: faults,
    follow: planted.follow ?? followFacts,
  })

  /** A webhook on its way to our server. */
  async function send(body: Buffer): Promise<number> {
    const about = JSON.parse(body.toString()) as {
      id: string
      event: string
      participant?: { identity: string; sid: string; disconnectReason?: string }
    }
    const { participant } = about
    const answer = await network.request(livekitHost, async (target) => {
      const { status, key } = await target.receive(body)
      return { status, key }
    })
    world.tell(
      'webhook',
      `${about.event} ${about.id} ${participant ? `${nameOf(participant.identity)} ${participant.sid} ` : ''}→ ${answer.status}`,
    )
    if (
      answer.status === 200 &&
      answer.key !== null &&
      !ledger.receipts.has(answer.key) &&
      !ledger.deleted
    ) {
      world.fail('R22', `${about.event} ${about.id} is answered 200 and not committed`)
    }
    const isOfLatest = participant && livekit.lastSidOf(participant.identity) === participant.sid
    if (answer.status === 200 && about.event === 'participant_left' && isOfLatest) {
      const within = participant.disconnectReason === 'CLIENT_INITIATED' ? 15_000 : 20_000
      truth.owes(participant.identity, within, `LiveKit said ${participant.disconnectReason}`)
    }
    return answer.status
  }
  const livekitHost = { dead: false, isOnline: () => livekit.isUp() }

  const serverRandom = random('server')
  async function start(): Promise<void> {
    const generation: Owner = { dead: false }
    generations += 1
    const number = generations
    const deps = {
      world,
      faults,
      random: serverRandom,
      generation,
      kill: (where: string) => kill(where),
    }
    const next = createServer({
      world,
      machine: createSimulatedClock(world, generation, faults.skewMs),
      generation,
      store: createStoreGates(store, { ...deps, ledger }),
      livekit: createLivekitPort({ ...deps, livekit, watch: truth }),
      newId,
      planted,
    })
    server = next
    world.tell('Server', `starts, generation ${number}`)
    faults.disturbed(defaultTiming.doubtMs + 4_000, 'a start')
    for (;;) {
      try {
        await next.start()
        break
      } catch {
        await world.sleep(500, generation)
      }
    }
    faults.disturbed(defaultTiming.doubtMs + 4_000, 'a start')
    world.tell('Server', 'listens')
  }

  function kill(where: string): void {
    const killed = server
    if (!killed || killed.generation.dead) return
    world.tell('fault', `the server is killed ${where}`)
    killed.generation.dead = true
    leave(killed)
  }

  function leave(gone: SimulatedServer): void {
    server = null
    network.broke(gone)
    people.all.forEach((person) => person.client.cut())
    faults.disturbed(defaultTiming.doubtMs, 'no server')
    const downMs = serverRandom.weighted([
      [serverRandom.between(200, 3_000), 4],
      [serverRandom.between(3_000, 20_000), 1],
    ])
    world.after(downMs, () => void start())
  }

  function fault(what: PlannedFault): void {
    switch (what) {
      case 'kill':
        kill('out of the blue')
        return
      case 'stop': {
        const stopping = running()
        if (!stopping) return
        world.tell('Server', 'is stopped')
        void stopping.stop().then(() => {
          if (stopping.generation.dead) return
          stopping.generation.dead = true
          leave(stopping)
        })
        return
      }
      case 'restart-livekit':
      case 'crash-livekit': {
        const downMs = serverRandom.between(500, 15_000)
        truth.livekitRestarted()
        faults.disturbed(downMs + 40_000, 'LiveKit restarts')
        livekit.restart(what === 'crash-livekit', downMs)
        return
      }
      case 'move-clock': {
        const byMs = serverRandom.between(-4_000, 4_000)
        world.tell('fault', `the server's clock is moved by ${byMs} ms`)
        faults.moveClock(byMs)
        faults.disturbed(20_000 + Math.abs(byMs), 'the clock moved')
        return
      }
      case 'set-clock': {
        // As late NTP does, or a machine that was stopped for a while (R53).
        const byMs = serverRandom.pick([
          -7_200_000, -3_600_000, -3_600_000, -60_000, 60_000, 3_600_000,
        ])
        world.tell(
          'fault',
          `the server's clock is set ${byMs < 0 ? 'back' : 'forward'} by ${byMs} ms`,
        )
        faults.moveClock(byMs)
        return
      }
      default:
        what satisfies never
    }
  }

  names.forEach((name) => people.add(name).client.open())
  planActions(
    { world, random: random('actions'), people, network, truth, ledger, roomId },
    startsAt + lengthMs,
  )
  for (const planned of faults.plan) world.after(planned.at - startsAt, () => fault(planned.do))
  world.every(tickMs, () => truth.tick(tickMs))
  void start()
  await world.run(startsAt + lengthMs + quietForMs)
  if (!world.broken) truth.settle()
  if (!world.broken) await compareWithDatabase()
  const alive = server as SimulatedServer | null
  if (alive) alive.generation.dead = true

  return {
    seed,
    broken: world.broken && { rule: world.broken.rule, what: world.broken.what },
    story: world.story,
    title: `${names.join(', ')}; ${faults.climate}; ${Math.round(lengthMs / 1000)} s`,
    events: {
      commits,
      facts: ledger.log.length,
      generations,
      simulatedMs: world.now() - startsAt,
    },
  }

  /** The ledger saw every commit: the database holds exactly that (I2, I4, I7). */
  async function compareWithDatabase(): Promise<void> {
    const log = await store.rooms.factsAfter(roomId, 0, 10_000)
    if (JSON.stringify(log) !== JSON.stringify(ledger.log)) {
      world.fail('I7', 'the database holds another log than was committed')
    }
    const calls = new Set(log.flatMap((fact) => ('callId' in fact ? [fact.callId] : [])))
    for (const callId of calls) {
      const key = await store.calls.key(callId)
      if ((key !== undefined) !== (callId === ledger.call?.callId)) {
        world.fail('I2', `${callId} ${key ? 'has a key and is over' : 'is on and has no key'}`)
      }
      if (key && key.keyEpoch !== ledger.call?.keyEpoch) world.fail('R45', `another epoch's key`)
    }
  }
}
