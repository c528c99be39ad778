/** Runs this Node with the arguments that were given. */
import { endWith, run } from './run.mjs'

await endWith(() => run(process.execPath, process.argv.slice(2), { instead: true }))
