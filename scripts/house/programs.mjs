/** Finds the programs that some tests need, where a person or a package manager would put them. */
import { accessSync, constants, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'

/** The folder with initdb and postgres, the newest version first. `POSTGRES_BIN` names another. */
export function findPostgres() {
  const versions = '/usr/lib/postgresql'
  const newestFirst = list(versions).sort((a, b) => Number(b) - Number(a))
  const folders = [
    process.env.POSTGRES_BIN,
    ...newestFirst.map((version) => join(versions, version, 'bin')),
    ...searchPath(),
  ]
  return folders.find((folder) => folder && isProgram(join(folder, 'initdb')))
}

/** `go install` calls it `server`. */
export function findLivekitServer() {
  const fromGo = join(process.env.GOPATH ?? join(homedir(), 'go'), 'bin', 'server')
  return [...searchPath().map((folder) => join(folder, 'livekit-server')), fromGo].find(isProgram)
}

/** `CHROMIUM` names another. */
export function findChromium() {
  return findBrowser(process.env.CHROMIUM, ['chromium', 'chromium-browser', 'google-chrome'])
}

/** `FIREFOX` names another. */
export function findFirefox() {
  return findBrowser(process.env.FIREFOX, ['firefox-esr', 'firefox'])
}

function findBrowser(named, names) {
  const paths = names.flatMap((name) => searchPath().map((folder) => join(folder, name)))
  return [named, ...paths].find((path) => path && isProgram(path))
}

function searchPath() {
  return (process.env.PATH ?? '').split(delimiter).filter(Boolean)
}

function list(folder) {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

function isProgram(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
