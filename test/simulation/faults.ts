/** What goes wrong in one story, and when: decided by the seed, over before the story's quiet end. */
import type { Random } from './random.ts'
import type { World } from './world.ts'

export type StoreFault = 'none' | 'fails' | 'ambiguous-done' | 'ambiguous-lost' | 'slow'
export type LivekitMood = 'well' | 'refuses' | 'hangs' | 'slow' | 'lies'
export type WebhookFate = 'arrives' | 'is lost' | 'comes twice' | 'is late' | 'is overtaken'

export interface Faults {
  /** How far the clock of the server's machine is off. */
  skewMs(): number
  store(isWrite: boolean): StoreFault
  /** Whether the server is killed at this gate. */
  killsHere(): boolean
  livekit(): LivekitMood
  webhook(): WebhookFate
  /** A request or an answer between a browser and our server is lost. */
  losesRequest(): boolean
  /** A message of the live socket is lost between our server and a page. */
  losesMessage(): boolean
  /** How long a page's line takes nothing, from now on; 0: it does. */
  stuckMs(): number
  /** How far LiveKit's listings lag behind, below `listing_lag_s`. */
  listingLagMs(): number
  /** Something happened that the rules give more time for. */
  disturbed(forMs: number, what: string): void
  /** Since when nothing disturbs; time before it does not count. */
  calmSince(): number
  /** Times at which the server is stopped or killed, LiveKit restarted, the clock moved. */
  readonly plan: readonly { at: number; do: PlannedFault }[]
  readonly climate: string
  moveClock(byMs: number): void
  /** How much the clock has been moved in all. */
  movedMs(): number
}

export type PlannedFault =
  'kill' | 'stop' | 'restart-livekit' | 'crash-livekit' | 'move-clock' | 'set-clock'

interface Window {
  from: number
  to: number
  mood: LivekitMood
}

const climates = [
  ['calm', 3],
  ['webhooks', 4],
  ['kills', 5],
  ['store', 4],
  ['livekit', 5],
  ['restarts', 3],
  ['clock', 3],
  ['everything', 3],
] as const

export function createFaults(world: World, random: Random, lines: Random, quietAt: number): Faults {
  const began = world.now()
  const climate = random.weighted(climates)
  const has = (kind: (typeof climates)[number][0]) => climate === kind || climate === 'everything'
  let skewMs = has('clock') ? random.between(-3_000, 3_000) : 0
  let movedMs = 0
  let calmSince = began
  const isOn = () => world.now() < quietAt

  const when = () => began + random.between(2_000, Math.max(3_000, quietAt - began - 3_000))
  const plan: Faults['plan'][number][] = []
  const add = (most: number, what: readonly PlannedFault[]) => {
    for (let n = random.between(1, most); n > 0; n--)
      plan.push({ at: when(), do: random.pick(what) })
  }
  if (has('kills')) add(3, ['kill', 'kill', 'stop'])
  if (has('restarts')) add(1, ['restart-livekit', 'crash-livekit'])
  if (has('clock')) add(3, ['move-clock', 'set-clock', 'set-clock'])
  plan.sort((a, b) => a.at - b.at)

  const windows: Window[] = []
  if (has('livekit')) {
    for (let n = random.between(1, 3); n > 0; n--) {
      const mood = random.pick(['refuses', 'hangs', 'slow', 'slow', 'lies'] as const)
      const from = when()
      const length = mood === 'lies' ? random.between(500, 5_000) : random.between(1_000, 30_000)
      windows.push({ from, to: Math.min(quietAt, from + length), mood })
    }
  }
  const killChance = has('kills') ? random.pick([0, 0.003, 0.01]) : 0
  const storeChance = has('store') ? random.pick([0.01, 0.04, 0.1]) : 0
  const badWebhooks = has('webhooks')
    ? random.pick([0.1, 0.3, 0.6, 1])
    : climate === 'calm'
      ? 0
      : 0.02
  const fates = has('webhooks') && random.chance(0.3) ? lossOnly : allFates
  const requestChance = climate === 'calm' ? 0 : random.pick([0, 0.02, 0.1])
  const messageChance = climate === 'calm' ? 0 : lines.pick([0, 0.1, 0.5])
  const mostLag = random.pick([0, 300, 1_500, 1_900, 1_900])

  return {
    plan,
    climate,
    skewMs: () => skewMs,
    movedMs: () => movedMs,
    moveClock(byMs) {
      skewMs += byMs
      movedMs += Math.abs(byMs)
    },
    store(isWrite) {
      if (!isOn() || !random.chance(storeChance)) return 'none'
      return isWrite
        ? random.pick(['fails', 'ambiguous-done', 'ambiguous-lost', 'slow'] as const)
        : random.pick(['fails', 'slow'] as const)
    },
    killsHere: () => isOn() && random.chance(killChance),
    livekit() {
      const at = world.now()
      return windows.find(({ from, to }) => from <= at && at < to)?.mood ?? 'well'
    },
    webhook: () => (isOn() && random.chance(badWebhooks) ? random.pick(fates) : 'arrives'),
    losesRequest: () => isOn() && random.chance(requestChance),
    losesMessage: () => isOn() && lines.chance(messageChance),
    stuckMs: () => (isOn() && lines.chance(messageChance / 10) ? lines.between(100, 1_000) : 0),
    listingLagMs: () => (isOn() ? random.between(0, mostLag) : 0),
    disturbed(forMs) {
      calmSince = Math.max(calmSince, world.now() + forMs)
    },
    calmSince: () => calmSince,
  }
}

const allFates = ['is lost', 'comes twice', 'is late', 'is overtaken'] as const
const lossOnly = ['is lost'] as const
