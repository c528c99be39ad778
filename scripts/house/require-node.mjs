/**
 * Every command begins here: goes on in this Node where it can run the program, in another one as a child
 * process where it cannot, and refuses in one line where none can. Written so that old Nodes can read it:
 * everything newer is imported only after that.
 */
import { chooseNode } from './choose-node.mjs'

/** Set for the child: the process that stands between it and whoever started the command. */
const startedBy = 'CHATTO_STARTED_BY'

/**
 * @param {() => unknown} goOn imports and runs the command itself
 */
export function onFittingNode(goOn) {
  const parent = process.env[startedBy]
  delete process.env[startedBy]
  const choice = chooseNode(presentNode(), process.env.CHATTO_NODE)
  if (choice.is === 'this') {
    if (parent || isRunByNpm()) endWithParent()
    goOn()
    return
  }
  process.stderr.write(choice.line + '\n')
  // Never a chain of them.
  if (choice.is === 'none' || parent) {
    process.exit(1)
  }
  if (isRunByNpm()) endWithParent()
  import('./other-node.mjs').then(({ becomeOtherNode }) => becomeOtherNode(choice.node, startedBy))
}

function presentNode() {
  return {
    version: process.versions.node,
    abi: process.versions.modules,
    glibc: process.platform === 'linux' ? glibc() : undefined,
    platform: process.platform,
    arch: process.arch,
  }
}

function glibc() {
  // Looks up the names of whoever is connected, otherwise.
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime
}

/** npm runs this very file, not something that runs it in turn. */
function isRunByNpm() {
  const script = process.env.npm_lifecycle_script || ''
  return script.split(/\s+/).some((word) => /\.mjs$/.test(word) && process.argv[1].endsWith(word))
}

/**
 * npm hands SIGTERM to the shell that it runs us in, which dies of it and tells nobody. Whoever ends npm
 * (a container, a service manager) means us; so does who kills the process between.
 */
function endWithParent() {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    process.kill(process.pid, 'SIGTERM')
  }, 500)
  timer.unref()
}
