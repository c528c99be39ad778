/** The same scenarios against the embedded media server: it has to do as livekit-server does. */
import { describe } from 'vitest'
import { startEmbeddedMedia } from '../support/embedded-media.ts'
import { allScenarios, slowScenarios } from './all-scenarios.ts'
import { runScenarios } from './run-scenarios.ts'

describe('the embedded media server', { timeout: 60_000 }, () => {
  runScenarios(startEmbeddedMedia, allScenarios, slowScenarios)
})
