/** PostgreSQL's `sslmode` as TLS options of Node. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { CannotOpenDatabaseError } from './cannot-open.ts'

const modes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const

/** As in libpq; `no-verify` is `require` whatever certificates there are. */
export type TlsMode = (typeof modes)[number]

export const isTlsMode = (text: string): text is TlsMode => modes.some((mode) => mode === text)

export type DriverTls = false | ConnectionOptions

export interface TlsWishes {
  host: string
  /** PEM, or `system`: the authorities that Node trusts, which is also meant when it is left out. */
  rootFile: string | undefined
  certificateFile: string | undefined
  keyFile: string | undefined
  keyPassword: string | undefined
}

/** In the order in which they are tried. `refuse` makes the error for a wrong wish. */
export function toTls(
  mode: TlsMode,
  wishes: TlsWishes,
  refuse: (why: string) => CannotOpenDatabaseError,
): [DriverTls, ...DriverTls[]] {
  const read = (name: string, file: string) => {
    try {
      return readFileSync(file, 'utf8')
    } catch {
      throw refuse(`the file of the parameter ${name}, ${file}, cannot be read`)
    }
  }
  const { rootFile, certificateFile, keyFile, keyPassword } = wishes
  if (mode === 'disable') return [false]
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw refuse('the parameters sslcert and sslkey belong together')
  }
  const ofOneself: ConnectionOptions = {
    ...(certificateFile !== undefined && { cert: read('sslcert', certificateFile) }),
    ...(keyFile !== undefined && { key: read('sslkey', keyFile) }),
    ...(keyPassword !== undefined && { passphrase: keyPassword }),
  }
  const hasRoot = rootFile !== undefined && rootFile !== 'system'
  const verified: ConnectionOptions = {
    ...ofOneself,
    ...(hasRoot && { ca: read('sslrootcert', rootFile) }),
    rejectUnauthorized: true,
    // The driver tells Node the name of a host, but not its address: that would be taken for localhost.
    ...(isIP(wishes.host) !== 0 && { host: wishes.host }),
  }
  const byAnyName = { ...verified, checkServerIdentity: () => undefined }
  const unverified: ConnectionOptions = { ...ofOneself, rejectUnauthorized: false }
  switch (mode) {
    case 'prefer':
      return [unverified, false]
    case 'no-verify':
      return [unverified]
    case 'require':
      // With an authority at hand it means verify-ca.
      return [hasRoot ? byAnyName : unverified]
    case 'verify-ca':
      if (!hasRoot) throw refuse('sslmode=verify-ca needs the parameter sslrootcert, a file')
      return [byAnyName]
    case 'verify-full':
      return [verified]
    default:
      return mode satisfies never
  }
}
