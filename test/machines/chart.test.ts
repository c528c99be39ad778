import { expect, test } from 'vitest'
import { catalogue } from '../../machines/catalogue.ts'
import { describeMachine, type ChartState } from '../../machines/chart.ts'

const statesOf = (state: ChartState): ChartState[] => [state, ...state.states.flatMap(statesOf)]
const chartOf = (id: string) =>
  statesOf(describeMachine(catalogue.find((entry) => entry.id === id)!.machine).root)
const stateOf = (id: string, key: string) => chartOf(id).find((state) => state.key === key)

test.each(catalogue)('$id has a name for all that it uses', ({ machine }) => {
  for (const state of statesOf(describeMachine(machine).root)) {
    const names = [
      ...state.entry,
      ...state.exit,
      ...(state.invokes ?? []),
      ...(state.delays ?? []),
      ...state.transitions.flatMap(({ guard, actions }) => [guard ?? 'always', ...actions]),
    ]
    for (const name of names) expect(name).toMatch(/^[a-z]\w*( ?\(.*\))?$/)
    expect(names).not.toContain('unnamed')
    expect(names.join()).not.toContain('xstate.')
  }
})

test.each(catalogue.filter(({ side }) => side === 'server'))(
  'I6 $id, which is persisted, invokes nothing and waits for nothing',
  ({ machine }) => {
    for (const state of statesOf(describeMachine(machine).root)) {
      expect(state).not.toHaveProperty('invokes')
      expect(state).not.toHaveProperty('delays')
    }
  },
)

test('what the voice session invokes and waits for shows in its chart', () => {
  expect(stateOf('voice-session', 'voice-session')?.invokes).toEqual([
    'microphone (device)',
    'camera (device)',
  ])
  expect(stateOf('voice-session', 'asking')).toMatchObject({
    invokes: ['join'],
    delays: ['joinTimeout'],
  })
  expect(stateOf('voice-session', 'waiting')).toMatchObject({
    delays: ['retry'],
    transitions: [{ event: 'after(retry)', targets: ['voice-session.returning.asking'] }],
  })
  expect(stateOf('voice-session', 'leaving')?.transitions.map(({ event }) => event)).toEqual([
    'done(hangUp)',
    'error(hangUp)',
  ])
})
