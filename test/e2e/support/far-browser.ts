/**
 * A browser whose network can be taken away, all of it: requests, sockets and media. Chromium carries
 * them in a process of its own, which is made to stand still (Linux).
 */
import type { Browser, BrowserType, LaunchOptions } from '@playwright/test'
import { readdirSync, readFileSync } from 'node:fs'

export interface FarBrowser {
  browser: Browser
  cutNetwork(): void
  mendNetwork(): void
  close(): Promise<void>
}

export async function openFarBrowser(
  chromium: BrowserType,
  options: LaunchOptions,
): Promise<FarBrowser> {
  const server = await chromium.launchServer(options)
  const browser = await chromium.connect(server.wsEndpoint())
  const root = server.process().pid
  if (root === undefined) throw new Error('the browser has no process')
  const networkPid = () => {
    const pid = descendantsOf(root).find((each) => {
      return commandOf(each).includes('--utility-sub-type=network.mojom.NetworkService')
    })
    if (pid === undefined) throw new Error('the browser’s network has no process of its own')
    return pid
  }
  return {
    browser,
    cutNetwork() {
      process.kill(networkPid(), 'SIGSTOP')
    },
    mendNetwork() {
      process.kill(networkPid(), 'SIGCONT')
    },
    async close() {
      process.kill(networkPid(), 'SIGCONT')
      await browser.close()
      await server.close()
    },
  }
}

function descendantsOf(root: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (Number.isInteger(pid)) parents.set(pid, parentOf(pid))
  }
  const isBelow = (pid: number): boolean => {
    const parent = parents.get(pid)
    return parent !== undefined && parent > 1 && (parent === root || isBelow(parent))
  }
  return [...parents.keys()].filter(isBelow)
}

function parentOf(pid: number): number {
  const status = read(`/proc/${pid}/status`)
  return Number(/^PPid:\s+(\d+)/m.exec(status)?.[1] ?? 0)
}

const commandOf = (pid: number) => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')

/** Processes come and go meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
