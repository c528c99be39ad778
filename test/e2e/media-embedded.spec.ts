/** The media scenarios in Chromium against the embedded media server. */
import { startEmbeddedMedia } from '../support/embedded-media.ts'
import { declareMediaStories } from './media-page/stories.ts'

declareMediaStories('the embedded media server', startEmbeddedMedia)
