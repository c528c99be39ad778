/**
 * Fetches another Node from the npm registry, keeps it in `.cache`, and runs the present command in it.
 * Old Nodes read this, see choose-node.mjs.
 */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { aloneIn, cacheOf } from './alone.mjs'
import { otherNpm } from './other-nodes.mjs'
import { endWith, npmCommand, run, step, StepFailed } from './run.mjs'

const root = resolve(fileURLToPath(import.meta.url), '../../..')

/** Ends this process as the command ended. `startedBy`: the variable that tells the child of it. */
export function becomeOtherNode(node, startedBy) {
  return endWith(async () => {
    const folder = join(cacheOf(root), 'node-' + node.version)
    await fetchWhenNeeded(node, folder)
    const env = environmentOf(node, folder)
    env[startedBy] = String(process.pid)
    const args = process.execArgv.concat(process.argv.slice(1))
    return run(programOf(node, folder), args, { env, instead: true })
  })
}

async function fetchWhenNeeded(node, folder) {
  const complete = join(folder, 'complete')
  if (existsSync(complete)) return
  await aloneIn(root, async () => {
    if (existsSync(complete)) return
    await step('Fetching Node ' + node.version + ' (50 MB)', async () => {
      mkdirSync(folder, { recursive: true })
      const packages = [node, otherNpm]
      writeJson(join(folder, 'package.json'), {
        private: true,
        dependencies: Object.fromEntries(packages.map(({ name, version }) => [name, version])),
      })
      writeJson(join(folder, 'package-lock.json'), lockOf(packages))
      const [command, first] = npmCommand()
      const args = first.concat('ci', '--ignore-scripts', '--no-audit', '--no-fund')
      args.push('--loglevel=error')
      const code = await run(command, args, { cwd: folder })
      if (code !== 0) {
        throw new StepFailed('Node ' + node.version + ' could not be fetched (npm says why, above)')
      }
      writeFileSync(complete, '')
    })
  })
}

/** What npm of any age checks the packages against; the registry is npm's own affair. */
function lockOf(packages) {
  const entries = packages.map(({ name, version, integrity }) => [name, { version, integrity }])
  const wanted = Object.fromEntries(packages.map(({ name, version }) => [name, version]))
  return {
    lockfileVersion: 2,
    requires: true,
    packages: Object.assign(
      { '': { dependencies: wanted } },
      Object.fromEntries(entries.map(([name, entry]) => ['node_modules/' + name, entry])),
    ),
    dependencies: Object.fromEntries(entries),
  }
}

function writeJson(path, content) {
  writeFileSync(path, JSON.stringify(content, null, 2) + '\n')
}

function programOf(node, folder) {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  return join(folder, 'node_modules', node.name, 'bin', name)
}

/** Whatever the command starts by name finds this Node, and its npm. */
function environmentOf(node, folder) {
  const env = Object.assign({}, process.env)
  // npm tells its children about itself.
  for (const name of Object.keys(env)) {
    if (/^npm_config_(node_gyp|npm_version|user_agent|prefix|global_prefix)$/.test(name)) {
      delete env[name]
    }
  }
  const program = programOf(node, folder)
  const pathName = Object.keys(env).find((name) => /^path$/i.test(name)) || 'PATH'
  const bin = join(folder, 'node_modules', '.bin')
  env[pathName] = [dirname(program), bin].concat(env[pathName] || []).join(delimiter)
  env.NODE = env.npm_node_execpath = program
  env.npm_execpath = join(folder, 'node_modules', otherNpm.name, 'bin', 'npm-cli.js')
  return env
}
