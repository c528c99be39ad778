/**
 * Decides which Node runs this repository's programs: the present one, another one, or none. What counts
 * is whether uWebSockets.js can be loaded, which comes as binaries only. Nothing is installed yet, and old
 * Nodes read this: no syntax that Node 12 does not know.
 */
import { otherNodes } from './other-nodes.mjs'

/**
 * The builds of uWebSockets.js that come with this version of it: Node's ABI, and the oldest glibc that
 * the build takes (null where there is none). test/scripts/choose-node.test.ts compares it with the files.
 */
export const builds = {
  'linux-x64': { 115: '2.27', 127: '2.38', 137: '2.38', 141: '2.38' },
  'linux-arm64': { 115: '2.27', 127: '2.38', 137: '2.38', 141: '2.38' },
  'linux-arm': { 115: '2.28' },
  'darwin-x64': { 115: null, 127: null, 137: null, 141: null },
  'darwin-arm64': { 115: null, 127: null, 137: null, 141: null },
  'win32-x64': { 115: null, 127: null, 137: null, 141: null },
}

/** In package.json as `engines`, and what the words below say. */
export const engines = '^20.19.0 || ^22.13.0 || >=24.0.0 <26.0.0'
const needed = 'Node 24 (or 20.19, 22.13 or newer of these, or 25)'

/**
 * @param {{ version: string, abi: string, glibc: string | undefined, platform: string, arch: string }} present
 *   glibc: its version; undefined on Linux means that the C library is another one
 * @param {string | undefined} wish the variable CHATTO_NODE
 * @returns {{ is: 'this' } | { is: 'other', node: { name: string, version: string }, line: string } | { is: 'none', line: string }}
 *   line: for the person, whole
 */
export function chooseNode(present, wish) {
  if (wish && wish !== 'system') {
    return { is: 'none', line: 'CHATTO_NODE knows one value, system, not ' + wish + '.' }
  }
  const machine = present.platform + '-' + present.arch
  const ofMachine = builds[machine]
  if (!ofMachine) {
    const known = Object.keys(builds).join(', ')
    return none('uWebSockets.js has no build for ' + machine + ', only for ' + known)
  }
  if (present.platform === 'linux' && !present.glibc) {
    return none(
      'uWebSockets.js needs glibc, and this Linux has another C library (musl, as Alpine)',
    )
  }

  const why = whyNot(present, present.abi, ofMachine)
  if (!why) return { is: 'this' }
  const thisNode = 'Node ' + present.version + ' cannot run Chatto Calls here: ' + why
  if (wish === 'system') {
    return {
      is: 'none',
      line: thisNode + '. ' + needed + ' can; CHATTO_NODE=system allows no other.',
    }
  }
  const node = (otherNodes[machine] || []).find(({ abi }) => suits(present, ofMachine[abi]))
  if (!node) return { is: 'none', line: thisNode + '. ' + needed + ' can, where glibc is 2.38.' }
  return {
    is: 'other',
    node,
    line: thisNode + ', so this is Node ' + node.version + ' from .cache (or CHATTO_NODE=system).',
  }

  function none(reason) {
    return { is: 'none', line: 'Chatto Calls cannot run here: ' + reason + '.' }
  }
}

function whyNot({ version, glibc, platform }, abi, ofMachine) {
  const [major, minor] = version.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19) || (major === 22 && minor < 13)) {
    return 'it is too old'
  }
  const oldestGlibc = ofMachine[abi]
  if (oldestGlibc === undefined) return 'uWebSockets.js has no build for it'
  if (suits({ glibc, platform }, oldestGlibc)) return undefined
  return 'its uWebSockets.js needs glibc ' + oldestGlibc + ', this system has ' + glibc
}

function suits({ glibc, platform }, oldestGlibc) {
  if (oldestGlibc === undefined) return false
  return platform !== 'linux' || !isOlder(glibc, oldestGlibc)
}

function isOlder(one, other) {
  const [a, b] = [one, other].map((text) => text.split('.').map(Number))
  return a[0] === b[0] ? a[1] < b[1] : a[0] < b[0]
}
