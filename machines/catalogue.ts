/** All machines of the house, for charts and for tests that hold for every one of them. */
import type { AnyStateMachine } from 'xstate'
import { callMachine } from './call.machine.ts'
import { connectionMachine } from './connection.machine.ts'
import { deviceMachine } from './device.machine.ts'
import { voiceSessionMachine } from './voice-session.machine.ts'

export interface CatalogueEntry {
  id: string
  /** Who runs it. */
  side: 'server' | 'browser'
  machine: AnyStateMachine
}

export const catalogue: readonly CatalogueEntry[] = [
  { id: callMachine.id, side: 'server', machine: callMachine },
  { id: connectionMachine.id, side: 'server', machine: connectionMachine },
  { id: deviceMachine.id, side: 'browser', machine: deviceMachine },
  { id: voiceSessionMachine.id, side: 'browser', machine: voiceSessionMachine },
]
