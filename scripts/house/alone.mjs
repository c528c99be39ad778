/**
 * One command at a time installs and builds in a folder. The lock is a file that its holder touches;
 * it is free when it is gone, or when nobody has touched it for a while. Neither clocks nor process ids
 * are compared: the other may run in another container. Old Nodes read this, see choose-node.mjs.
 */
import { mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { signals, StepFailed } from './run.mjs'

const touchEveryMs = 1000
const lookEveryMs = 200
/** A busy machine holds a process up for seconds. */
const abandoned = 15000

/** What is fetched and made here and survives `npm ci`. */
export const cacheOf = (root) => join(root, '.cache')

/** Gives what `work` gives. Says so, once, when it has to wait. */
export async function aloneIn(root, work, abandonedAfterMs = abandoned) {
  const path = join(cacheOf(root), 'lock')
  const own = `${process.pid} ${process.hrtime.bigint()}`
  await take(path, own, root, abandonedAfterMs)
  let touches = 0
  const touch = () => {
    // Taken over when this process slept too long (a laptop): then it is not ours to touch.
    if (holderOf(path) === own) writeIfPossible(path, `${own}\n${++touches}`)
  }
  const timer = setInterval(touch, touchEveryMs)
  const release = () => {
    clearInterval(timer)
    process.removeListener('exit', release)
    for (const signal of signals) process.removeListener(signal, onSignal)
    if (holderOf(path) === own) remove(path)
  }
  // What is run at the time takes the signal itself, and has to end before anybody else begins.
  const onSignal = (signal) => {
    if (process.listenerCount(signal) > 1) return
    release()
    process.kill(process.pid, signal)
  }
  process.on('exit', release)
  for (const signal of signals) process.on(signal, onSignal)
  try {
    return await work()
  } finally {
    release()
  }
}

async function take(path, own, root, abandonedAfterMs) {
  let seen
  let seenAt
  let isTold = false
  while (!create(path, own, root)) {
    const now = process.hrtime.bigint()
    const content = read(path)
    if (content !== seen) {
      seen = content
      seenAt = now
    } else if (Number(now - seenAt) / 1e6 > abandonedAfterMs) {
      takeAway(path, content, own)
      continue
    }
    if (!isTold) {
      process.stdout.write(
        'Another npm start or npm test installs or builds here: waiting for it …\n',
      )
      isTold = true
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
}

/** False when somebody has it. */
function create(path, own, root) {
  try {
    mkdirSync(cacheOf(root), { recursive: true })
  } catch (error) {
    throw cannotWrite(root, error)
  }
  try {
    writeFileSync(path, `${own}\n0`, { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code === 'EEXIST') return false
    throw cannotWrite(root, error)
  }
}

function cannotWrite(root, error) {
  return new StepFailed(`${cacheOf(root)} cannot be written (${error.message})`)
}

/** Of two that find the same lock abandoned one gets it; a fresh one that was caught goes back. */
function takeAway(path, content, own) {
  const aside = `${path}.${own.replace(' ', '-')}`
  try {
    renameSync(path, aside)
    if (read(aside) !== content) renameSync(aside, path)
    else unlinkSync(aside)
  } catch {
    // Somebody else was quicker.
  }
}

const holderOf = (path) => (read(path) || '').split('\n')[0]

function read(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

function remove(path) {
  try {
    unlinkSync(path)
  } catch {
    // Gone already.
  }
}

function writeIfPossible(path, text) {
  try {
    writeFileSync(path, text)
  } catch {
    // A full disk: whoever works finds that out, too.
  }
}
