/** The certificate that the configuration asks for. */
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import { prepareTls, type Tls } from './tls.ts'

/** Null for plain http. Throws `TlsError`. */
export function prepareTlsOf(
  { tls, url, origins }: Config['webserver'],
  now: number,
): Promise<Tls | null> {
  switch (tls.is) {
    case 'off':
      return Promise.resolve(null)
    case 'files':
      return prepareTls(tls, now)
    case 'self-signed': {
      const hosts = [url, ...origins].map((origin) => new URL(origin).hostname)
      const file = (name: string) => join(tls.folder, name)
      return prepareTls(
        {
          is: 'self-signed',
          certificateFile: file('tls-self-signed.crt'),
          keyFile: file('tls-self-signed.key'),
          hosts: hosts.map((host) => host.replace(/^\[|\]$/g, '')),
        },
        now,
      )
    }
    default:
      return tls satisfies never
  }
}
