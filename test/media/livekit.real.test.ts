/** The scenarios against the real livekit-server: what it does is the truth. */
import { describe } from 'vitest'
import { findLivekitServer, startLivekitServer } from '../support/livekit-server.ts'
import { allScenarios, slowScenarios } from './all-scenarios.ts'
import { runScenarios } from './run-scenarios.ts'

const found = findLivekitServer()
const title = 'missing' in found ? `skipped: ${found.missing}` : 'livekit-server'

describe.skipIf('missing' in found)(title, { timeout: 60_000 }, () => {
  runScenarios(startLivekitServer, allScenarios, slowScenarios)
})
