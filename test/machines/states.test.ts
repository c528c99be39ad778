/** What a call is, its charts say: no flag in the context that a chart could say, no state beside them. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { rememberGoneMs } from '../../machines/call.change.ts'
import { callMachine } from '../../machines/call.machine.ts'
import { describeMachine, type ChartState } from '../../machines/chart.ts'
import { connectionMachine, connectionStates, isGone } from '../../machines/connection.machine.ts'
import { activeCall, stageOf } from '../../machines/decide.ts'
import { tellCall, type CallStory } from '../support/call-story.ts'

const seed = 20261201

const who = fc.constantFrom('ada', 'bo', 'chen')
const page = fc.constantFrom('1', '2', '3')
type Move = typeof move extends fc.Arbitrary<infer T> ? T : never
const move = fc.record({
  does: fc.constantFrom(
    ...([
      'join',
      'leave',
      'close',
      'up',
      'gone',
      'lose',
      'due',
      'away',
      'listed',
      'missing',
    ] as const),
  ),
  who,
  page,
  afterMs: fc.constantFrom(0, 500, 3_000, 12_000, 50_000),
})

function take(story: CallStory, { does, who, page, afterMs }: Move): void {
  story.after(afterMs)
  const sid = `PA_${who}_${page}_${Math.floor(story.at() / 20_000)}`
  switch (does) {
    case 'join':
      return void story.join(who, page)
    case 'leave':
      return void story.leave(who, page)
    case 'close':
      return void story.close(who, page)
    case 'up':
      return void story.up(who, page, sid)
    case 'gone':
      return void story.gone(who, page, sid)
    case 'lose':
      return void story.lose(who)
    case 'due':
      return void story.due()
    case 'away':
      return void story.away(story.at() - 15_000)
    case 'listed':
      return void story.listed([{ who, page, participantSid: sid }])
    case 'missing':
      return void story.listed([], { room: null })
    default:
      return does satisfies never
  }
}

/** Tells random stories; `look` sees every state of each. */
function tellMany(look: (story: CallStory) => void): void {
  fc.assert(
    fc.property(fc.array(move, { minLength: 10, maxLength: 40 }), (moves) => {
      const story = tellCall()
      for (const one of moves) {
        take(story, one)
        look(story)
      }
    }),
    { seed, numRuns: 300 },
  )
}

const leaves = (state: ChartState, path: string[]): string[] =>
  state.states.length === 0
    ? [path.join('.')]
    : state.states.flatMap((child) => leaves(child, [...path, child.key]))

test('R34 a connection’s states are those of its chart, and no others', () => {
  expect(leaves(describeMachine(connectionMachine).root, []).toSorted()).toEqual(
    connectionStates.toSorted(),
  )
})

test('R34, R37, R45 the call’s chart shows who is in doubt, whether LiveKit is seen, and a stale key', () => {
  expect(leaves(describeMachine(callMachine).root, [])).toEqual([
    'idle',
    'active.people.settled',
    'active.people.unsettled',
    'active.sight.confirmed',
    'active.sight.unconfirmed',
    'active.key.current',
    'active.key.stale',
    'ended',
  ])
})

test(`I6 no field of a call or its connections is a flag in 300 random stories (seed ${seed})`, () => {
  const values = new Map<string, Set<unknown>>()
  const see = (of: string, record: object) => {
    for (const [key, value] of Object.entries(record)) {
      const seen = values.get(`${of}.${key}`) ?? new Set()
      values.set(`${of}.${key}`, seen.add(typeof value === 'object' && value ? 'object' : value))
    }
  }
  const states = new Set<string>()
  tellMany(({ context }) => {
    see('call', context)
    Object.values(context.people).forEach((person) => see('person', person))
    for (const connection of Object.values(context.connections)) {
      see('connection', connection)
      states.add(connection.state)
    }
  })
  const flags = [...values].filter(
    ([, seen]) =>
      [...seen].some((value) => typeof value === 'boolean') ||
      // Two words are a flag by another name; an id is not (one call has one).
      (seen.size === 2 && !seen.has('') && [...seen].every((value) => typeof value === 'string')),
  )
  expect(flags.map(([name]) => name)).toEqual([])
  expect(values.size).toBeGreaterThan(25)
  // The stories went everywhere.
  expect([...states].toSorted()).toEqual(connectionStates.toSorted())
})

test(`R49 a call’s states follow from its context, so that it is restored as it was (seed ${seed})`, () => {
  let compared = 0
  tellMany(({ last: { snapshot } }) => {
    if (stageOf(snapshot) !== 'active') return
    expect(activeCall(snapshot.context).value).toEqual(snapshot.value)
    expect(snapshot.context.untold).toEqual([])
    compared += 1
  })
  expect(compared).toBeGreaterThan(1_000)
})

test('R51 what is gone is forgotten after a quarter of an hour, and evicted as unknown from then on', () => {
  const story = tellCall()
    .join('ada', 'a1')
    .up('ada', 'a1', 'PA_a')
    .join('bo', 'b1')
    .leave('bo', 'b1')
  expect(Object.keys(story.context.connections)).toEqual(['ada:a1', 'bo:b1'])
  story.after(rememberGoneMs).join('chen', 'c1').leave('chen', 'c1')
  expect(Object.keys(story.context.connections)).toEqual(['ada:a1', 'bo:b1', 'chen:c1'])
  story.after(1).join('chen', 'c2').leave('chen', 'c2')
  expect(Object.keys(story.context.connections)).toEqual(['ada:a1', 'chen:c1', 'chen:c2'])
  story.up('bo', 'b1', 'PA_b')
  expect(story.last).toMatchObject({
    ignored: 'unknown-identity',
    effects: [{ type: 'livekit.evict', identity: 'bo:b1', why: 'unknown-identity' }],
  })
  expect(story.shown()).toEqual(['ada connected'])
})

test('R51 two thousand joins that came and went leave a call as small as it was', () => {
  const story = tellCall().join('ada', 'a1').up('ada', 'a1', 'PA_a')
  for (let i = 0; i < 2_000; i++) story.after(1).join('bo', `b${i}`).leave('bo', `b${i}`)
  const gone = Object.values(story.context.connections).filter(isGone)
  expect(gone.length).toBeGreaterThanOrEqual(64)
  expect(gone.length).toBeLessThanOrEqual(128)
  // The latest are those that are remembered (R18).
  story.up('bo', 'b1999', 'PA_b')
  expect(story.last.ignored).toBe('shut-out')
})

test('R27, R51 of those that expired a thousand may come back: a whole big call whose network was away', () => {
  const story = tellCall()
  const people = Array.from({ length: 200 }, (_, i) => `p${i}`)
  story.join('ada', 'a1').up('ada', 'a1', 'PA_a')
  for (const one of people) story.join(one, '1').up(one, '1', `PA_${one}`)
  story.after(5_000).listed([{ who: 'ada', page: 'a1', participantSid: 'PA_a' }])
  story.after(13_000).listed([{ who: 'ada', page: 'a1', participantSid: 'PA_a' }])
  expect(story.shown()).toEqual(['ada connected'])
  for (const one of people) story.up(one, '1', `PA2_${one}`)
  expect(story.shown()).toHaveLength(201)
})

test('R18 R45 R51 who left long ago and is forgotten still knows the key: removing them rotates it', () => {
  const story = tellCall()
    .join('ada', 'a1')
    .up('ada', 'a1', 'PA_a')
    .join('bo', 'b1')
    .leave('bo', 'b1')
  story
    .after(rememberGoneMs + 1)
    .join('chen', 'c1')
    .leave('chen', 'c1')
  expect(story.context.connections['bo:b1']).toBeUndefined()
  story.lose('bo', 'ada')
  expect(story.types()).toEqual(['key.rotated'])
  expect(story.context.keyEpoch).toBe(1)
  // Who never was in the call knows nothing of it.
  expect(story.lose('dora').last).toMatchObject({ changed: false, ignored: 'not-in-call' })
})
