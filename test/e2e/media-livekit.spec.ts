/** The media scenarios in Chromium against the real livekit-server: what it does is the truth. */
import { test } from '@playwright/test'
import { findLivekitServer, startLivekitServer } from '../support/livekit-server.ts'
import { declareMediaStories } from './media-page/stories.ts'

const found = findLivekitServer()
test.skip('missing' in found, 'missing' in found ? found.missing : '')

declareMediaStories('livekit-server', startLivekitServer)
