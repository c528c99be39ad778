/** Runs the programs of this repository, and says what a person waits for. */
import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'

/** Its message is all that a person needs to read. */
export class StepFailed extends Error {}

/** How often a step that takes long says that it is still at it. */
const tellEveryMs = 15_000

/**
 * Resolves with the exit code; a signal counts as 1. `show`: what the program prints is shown as it
 * comes (`now`), in one piece once it has ended (`at-the-end`), or only `if-it-fails`. `givesWay`: it
 * computes only when nobody else does.
 */
export function run(
  command,
  args,
  { cwd, env = process.env, show = 'now', givesWay = false } = {},
) {
  return new Promise((resolve, reject) => {
    const output = show === 'now' ? 'inherit' : 'pipe'
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', output, output],
      // npm is a .cmd file there.
      shell: process.platform === 'win32' && !command.endsWith('.exe'),
    })
    if (givesWay && child.pid) setPriority(child.pid, constants.priority.PRIORITY_LOW)
    const said = []
    child.stdout?.on('data', (chunk) => said.push(chunk))
    child.stderr?.on('data', (chunk) => said.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      if (show === 'at-the-end') process.stdout.write(Buffer.concat(said))
      else if (code !== 0) process.stderr.write(Buffer.concat(said))
      resolve(code ?? 1)
    })
  })
}

/** Says what begins, every 15 seconds that it goes on, and how long it took. */
export async function step(what, work) {
  const began = Date.now()
  const seconds = () => (Date.now() - began) / 1000
  process.stdout.write(`${what} …\n`)
  const timer = setInterval(
    () => process.stdout.write(`  still at it after ${Math.round(seconds())} s\n`),
    tellEveryMs,
  )
  try {
    await work()
  } finally {
    clearInterval(timer)
  }
  process.stdout.write(`  done in ${seconds().toFixed(1)} s\n`)
}

/** Ends this process with the code that `work` gives, 0 for none, 1 with one line when a step failed. */
export async function endWith(work) {
  try {
    process.exitCode = (await work()) ?? 0
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
