/** The same scenarios against the embedded media server: it has to do as livekit-server does. */
import { describe } from 'vitest'
import { startEmbeddedMedia } from '../support/embedded-media.ts'
import { allScenarios, slowScenarios } from './all-scenarios.ts'
import { runScenarios } from './run-scenarios.ts'

/** Real media while other tests keep the machine busy. */
const secondTry = process.env['CI'] ? 1 : 0

describe('the embedded media server', { timeout: 60_000, retry: secondTry }, () => {
  runScenarios(startEmbeddedMedia, allScenarios, slowScenarios)
})
