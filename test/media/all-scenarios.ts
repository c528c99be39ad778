/** The suite: what must be the same on livekit-server and on the embedded media server. */
import '../support/rtc-quiet.ts'
import { connectScenarios } from './scenarios/connect.ts'
import { dataScenarios } from './scenarios/data.ts'
import { mediaScenarios } from './scenarios/media.ts'
import { killedScenario, reconnectScenarios } from './scenarios/reconnect.ts'
import { roomServiceScenarios } from './scenarios/room-service.ts'
import { tokenScenarios } from './scenarios/tokens.ts'
import type { Scenario } from './scenarios/scenario.ts'

export const allScenarios: Scenario[] = [
  ...connectScenarios,
  ...mediaScenarios,
  ...dataScenarios,
  ...reconnectScenarios,
  ...tokenScenarios,
  ...roomServiceScenarios,
]
/** What takes long for its time-outs only. */
export const slowScenarios: Scenario[] = [killedScenario]
