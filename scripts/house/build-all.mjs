/** Builds the server and the web client, whether they are stale or not. */
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildWhenNeeded } from './build.mjs'
import { endWith } from './run.mjs'

await endWith(() =>
  buildWhenNeeded(resolve(fileURLToPath(import.meta.url), '../../..'), { always: true }),
)
