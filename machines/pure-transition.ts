/** XState's pure `transition`, without the actor that it makes for every call and throws away. */
import {
  createActor,
  type AnyStateMachine,
  type EventFrom,
  type ExecutableActionObject,
  type InputFrom,
  type SnapshotFrom,
} from 'xstate'

export type PureTransition<TMachine extends AnyStateMachine> = (
  snapshot: SnapshotFrom<TMachine>,
  event: EventFrom<TMachine>,
) => [SnapshotFrom<TMachine>, ExecutableActionObject[]]

/** For machines that start no other actors: they share one that never runs. `input`: any that the machine takes. */
export function createTransition<TMachine extends AnyStateMachine>(
  machine: TMachine,
  input: InputFrom<TMachine>,
): PureTransition<TMachine> {
  const self = createActor(machine as AnyStateMachine, { input })
  let actions: ExecutableActionObject[] = []
  const nothing = () => undefined
  const scope: Parameters<TMachine['transition']>[2] = {
    self,
    id: '',
    sessionId: '',
    system: self.system,
    logger: nothing,
    defer: nothing,
    emit: nothing,
    stopChild: nothing,
    actionExecutor: (action) => actions.push(action),
  }
  return (snapshot, event) => {
    actions = []
    const next = machine.transition(snapshot, event, scope) as SnapshotFrom<TMachine>
    return [next, actions]
  }
}
