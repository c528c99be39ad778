/**
 * Runs the programs of this repository, and says what a person waits for. Old Nodes read this, see
 * choose-node.mjs.
 */
import { spawn } from 'node:child_process'
import { constants, setPriority } from 'node:os'

/** Its message is all that a person needs to read. */
export class StepFailed extends Error {}

/** How often a step that takes long says that it is still at it. */
const tellEveryMs = 15000

/** That end a program as long as it does not mind. */
export const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']

/**
 * Resolves with the exit code, 128 and its number for a signal, as shells have it. `show`: what the
 * program prints is shown as it comes (`now`), in one piece once it has ended (`at-the-end`), or only
 * `if-it-fails`. `givesWay`: it computes only when nobody else does. A signal for us is one for the
 * program, and then the end of us, too; with `instead` the program ends as it likes, and we go on.
 */
export function run(command, args, options) {
  const { cwd, env, show, givesWay, instead } = Object.assign(
    { env: process.env, show: 'now', givesWay: false, instead: false },
    options,
  )
  return new Promise((resolve, reject) => {
    const output = show === 'now' ? 'inherit' : 'pipe'
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: [instead ? 'inherit' : 'ignore', output, output],
      // npm is a .cmd file there.
      shell: process.platform === 'win32' && !command.endsWith('.exe'),
    })
    if (givesWay && child.pid) setPriority(child.pid, constants.priority.PRIORITY_LOW)
    let taken
    const pass = (signal) => {
      taken = signal
      // CTRL+C in a terminal reaches the child without us.
      if (signal !== 'SIGINT' || !isAtTerminal()) child.kill(signal)
    }
    for (const signal of signals) process.on(signal, pass)
    const said = []
    for (const stream of show === 'now' ? [] : [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => said.push(chunk))
    }
    child.on('error', reject)
    child.on('close', (code, signal) => {
      for (const name of signals) process.removeListener(name, pass)
      if (taken && !instead) process.exit(128 + constants.signals[taken])
      if (show === 'at-the-end') process.stdout.write(Buffer.concat(said))
      else if (code !== 0) process.stderr.write(Buffer.concat(said))
      resolve(signal ? 128 + constants.signals[signal] : code)
    })
  })
}

const isAtTerminal = () => [process.stdin, process.stdout, process.stderr].some((s) => s.isTTY)

/** npm by the very file that runs us where it does, as program and first arguments. */
export function npmCommand() {
  const path = process.env.npm_execpath || ''
  if (!/npm-cli\.js$/.test(path)) return ['npm', []]
  return [process.env.npm_node_execpath || process.execPath, [path]]
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
    process.exitCode = (await work()) || 0
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exitCode = 1
  }
}
