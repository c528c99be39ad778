/// <reference lib="dom" />
/** The machine's own Firefox with a fake microphone and camera, driven over WebDriver BiDi. */
import { firefox, type Browser, type BrowserContext } from '@playwright/test'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** `npm run test:e2e` looks further. */
const program = process.env['FIREFOX'] ?? '/usr/bin/firefox-esr'
const relay = fileURLToPath(new URL('firefox-relay.mjs', import.meta.url))

const preferences = {
  'media.navigator.streams.fake': true,
  'media.navigator.permission.disabled': true,
  'media.peerconnection.ice.loopback': true,
  'media.peerconnection.ice.obfuscate_host_addresses': false,
  'media.autoplay.default': 0,
  // Of a browser without a display only a tab can be shown to others.
  'media.getusermedia.browser.enabled': true,
  // Nothing leaves the machine on Firefox's own account.
  'services.settings.server': 'data:,#none/v1',
  'app.normandy.enabled': false,
  'browser.newtabpage.activity-stream.feeds.asrouterfeed': false,
  'browser.region.update.enabled': false,
  'browser.region.network.url': '',
  'browser.topsites.contile.enabled': false,
  'dom.push.connection.enabled': false,
  'media.gmp-manager.url': '',
  'network.captive-portal-service.enabled': false,
  'toolkit.telemetry.enabled': false,
  'toolkit.telemetry.server': '',
}

/** Why tests with Firefox are skipped; null: they are not. In CI nothing is skipped: it throws. */
export function missingFirefox(): string | null {
  if (existsSync(program)) return null
  const missing = `${program} is not on this machine; FIREFOX names one that lies elsewhere`
  if (process.env['CI']) throw new Error(missing)
  return missing
}

export function launchFirefox({ dark = false } = {}): Promise<Browser> {
  return firefox.launch({
    channel: 'moz-firefox',
    executablePath: relay,
    env: { ...process.env, FIREFOX: program },
    firefoxUserPrefs: { ...preferences, 'ui.systemUsesDarkTheme': dark ? 1 : 0 },
  })
}

/** In place of the dialog in which one chooses a screen, which there is not: the tab itself is chosen. */
export async function shareTabAsScreen(context: BrowserContext): Promise<void> {
  await context.addInitScript(() => {
    navigator.mediaDevices.getDisplayMedia = () => {
      const video = { mediaSource: 'browser' } as MediaTrackConstraints
      return navigator.mediaDevices.getUserMedia({ video })
    }
  })
}
