/**
 * Where a newcomer runs the two commands: on this machine, or in a Debian 13 of its own (a folder made by
 * debootstrap, entered by chroot; the network is this machine's). On both, any Node that the npm registry
 * has can be the one that is found first. Needs root.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { arch } from 'node:process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** Kept between runs, but for the checkout in it. */
const debian = join(root, '.cache/debian-13')
const mirror = process.env['DEBIAN_MIRROR'] ?? 'http://deb.debian.org/debian'
/** What compiles sqlite3 where its binary cannot be downloaded. */
const packages = ['ca-certificates', 'g++', 'make', 'python3']
/** Those that come with each Node. */
const npmOf = new Map([
  [20, 10],
  [22, 10],
  [24, 11],
  [26, 12],
])

export interface Machine {
  readonly name: string
  /** Of its C library, "2.41". */
  readonly glibc: string
  /** The checkout, as this process sees it. */
  readonly checkout: string
  /** Paths below `checkout` as the machine sees them. */
  inside(path: string): string
  /** In the checkout, with that Node first in the search path; leads a process group. */
  spawn(node: number, command: string, args: string[]): ChildProcess
}

/** This machine and the checkout that the tests belong to. */
export function thisMachine(): Machine {
  const report = process.report.getReport() as { header: { glibcVersionRuntime: string } }
  return {
    name: 'this machine',
    glibc: report.header.glibcVersionRuntime,
    checkout: root,
    inside: (path) => join(root, path),
    spawn(node, command, args) {
      const env = environment(join(nodeFolder(node), 'node_modules/.bin'), process.env['PATH'])
      env['HOME'] = process.env['HOME']
      return spawn(command, args, { cwd: root, env, detached: true })
    },
  }
}

/** With a fresh checkout: nothing is installed or built there. Takes a minute or two the first time. */
export function makeDebian13(): Machine {
  const complete = join(debian, 'complete')
  if (!existsSync(complete)) {
    rmSync(debian, { recursive: true, force: true })
    mkdirSync(debian, { recursive: true })
    const include = `--include=${packages.join(',')}`
    say(['debootstrap', '--variant=minbase', include, 'trixie', debian, mirror])
    writeFileSync(complete, '')
  }
  // The registry as this machine reaches it, by name and by certificate.
  for (const file of ['/etc/resolv.conf', '/etc/hosts', '/etc/ssl/certs/ca-certificates.crt']) {
    mkdirSync(dirname(join(debian, file)), { recursive: true })
    copyFileSync(file, join(debian, file))
  }
  const checkout = join(debian, 'root/chatto')
  rmSync(checkout, { recursive: true, force: true })
  for (const file of filesOfCheckout()) cpSync(join(root, file), join(checkout, file))

  const script = `
    mount --rbind /dev ${debian}/dev && mount -t proc proc ${debian}/proc &&
    exec /usr/sbin/chroot ${debian} /usr/bin/env -C /root/chatto "$@"`
  return {
    name: 'Debian 13',
    glibc: '2.41',
    checkout,
    inside: (path) => join('/root/chatto', path),
    spawn(node, command, args) {
      const bin = nodeFolder(node).slice(debian.length)
      const env = environment(`${bin}/node_modules/.bin`, '/usr/bin:/bin')
      // The mounts are gone with the last process that sees them.
      return spawn('unshare', ['--mount', 'sh', '-c', script, 'sh', command, ...args], {
        env: { ...env, HOME: '/root' },
        detached: true,
      })
    },
  }
}

/** Nothing of the process that runs the tests, but the way to the npm registry. */
function environment(bin: string, path = ''): NodeJS.ProcessEnv {
  const ofNetwork = /^(https?_proxy|no_proxy|npm_config_(registry|cafile|noproxy))$/i
  const passed = Object.entries(process.env).filter(([name]) => ofNetwork.test(name))
  return { ...Object.fromEntries(passed), PATH: `${bin}:${path}`, NO_COLOR: '1', LANG: 'C.UTF-8' }
}

/** The newest of that major version, with the npm that comes with it; in the Debian folder, for both. */
function nodeFolder(major: number): string {
  const folder = join(debian, 'opt', `node-${major}`)
  if (!existsSync(join(folder, 'complete'))) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{}')
    const wanted = [`node-linux-${arch}@${major}`, `npm@${npmOf.get(major)}`]
    say(['npm', 'install', '--ignore-scripts', '--loglevel=error', '--prefix', folder, ...wanted])
    writeFileSync(join(folder, 'complete'), '')
  }
  return folder
}

/** What a clone would have, with the changes that are not committed yet. */
function filesOfCheckout(): string[] {
  const list = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const names = execFileSync('git', list, { cwd: root, encoding: 'utf8' }).split('\0')
  return names.filter((name) => name !== '' && existsSync(join(root, name)))
}

function say([command = '', ...args]: string[]): void {
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] })
}
