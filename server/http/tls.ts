/** The web server's certificate: from files, or one of our own that is made once and kept. */
import { randomBytes, webcrypto, X509Certificate, createPrivateKey } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { dirname } from 'node:path'
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509'

export type TlsSource =
  | { is: 'files'; certificateFile: string; keyFile: string }
  /** `hosts`: names and addresses that people will type. */
  | { is: 'self-signed'; certificateFile: string; keyFile: string; hosts: string[] }

/** As `uWS.SSLApp` wants it, and what has to be known of it. */
export interface Tls {
  key_file_name: string
  cert_file_name: string
  /** The server's own certificate in PEM, without the chain. */
  certificate: string
  /** SHA-256 as browsers show it: `AB:CD:…`. */
  fingerprint: string
}

/** The files cannot be used; the message says which and why. */
export class TlsError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'TlsError'
  }
}

/** Browsers take no certificate for longer than 825 days. */
const validDays = 800
/** Made anew when less than this is left. */
const renewedDays = 30
const dayMs = 24 * 60 * 60 * 1000
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Throws `TlsError`. */
export async function prepareTls(source: TlsSource, now: number): Promise<Tls> {
  if (source.is === 'self-signed') await makeWhereNeeded(source, now)
  const { certificateFile, keyFile } = source
  const certificate = parseCertificate(certificateFile)
  const key = read(keyFile, 'private key')
  if (!belongs(certificate, key)) {
    throw new TlsError(
      `the key in ${keyFile} does not belong to the certificate in ${certificateFile}`,
    )
  }
  return {
    key_file_name: keyFile,
    cert_file_name: certificateFile,
    certificate: certificate.toString(),
    fingerprint: certificate.fingerprint256,
  }
}

/** What people on the same network may type: this machine's names and addresses. */
export function ownNames(): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list = []) =>
    list.filter(({ internal, scopeid }) => !internal && !scopeid).map(({ address }) => address),
  )
  const name = hostname().toLowerCase()
  return ['localhost', '127.0.0.1', '::1', name, `${name}.local`, ...addresses]
}

async function makeWhereNeeded(
  { certificateFile, keyFile, hosts }: Extract<TlsSource, { is: 'self-signed' }>,
  now: number,
): Promise<void> {
  if (existsSync(certificateFile) && existsSync(keyFile)) {
    const certificate = parseCertificate(certificateFile)
    const isFresh = Date.parse(certificate.validTo) - now > renewedDays * dayMs
    // Addresses of the machine come and go; only what was configured must be in it.
    if (isFresh && hosts.every((host) => names(certificate, host))) return
  }
  const wanted = [...new Set([...ownNames(), ...hosts.map((host) => host.toLowerCase())])]
  const { certificate, key } = await makeCertificate(wanted.filter(isUsable), now)
  writePrivate(keyFile, key)
  writePrivate(certificateFile, certificate)
}

async function makeCertificate(
  hosts: string[],
  now: number,
): Promise<{ certificate: string; key: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned({
    // Positive, for a leading bit of one would make it negative.
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    name: 'CN=Chatto Calls',
    // A clock that is a little behind is common on phones.
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + (validDays - 1) * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      // It can vouch for nobody else.
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(hosts.map(toSubjectName)),
    ],
  })
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { certificate: certificate.toString('pem'), key: PemConverter.encode(key, 'PRIVATE KEY') }
}

function toSubjectName(host: string): { type: 'dns' | 'ip'; value: string } {
  return { type: isIP(host) === 0 ? 'dns' : 'ip', value: host }
}

/** Whether browsers that come by this name or address will find it in the certificate. */
function names(certificate: X509Certificate, host: string): boolean {
  const found = isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host)
  return found !== undefined
}

/** A host name may hold what no certificate can. */
function isUsable(host: string): boolean {
  return isIP(host) !== 0 || /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(host)
}

/** Written beside and moved, so that a crash leaves no half of it. */
function writePrivate(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.new`
  writeFileSync(draft, text, { mode: 0o600 })
  chmodSync(draft, 0o600)
  renameSync(draft, path)
}

function parseCertificate(file: string): X509Certificate {
  const text = read(file, 'certificate')
  try {
    return new X509Certificate(text)
  } catch {
    throw new TlsError(`${file} holds no certificate in PEM`)
  }
}

function belongs(certificate: X509Certificate, key: string): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

function read(file: string, what: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw new TlsError(`the ${what} ${file} cannot be read${code === '' ? '' : `: ${code}`}`)
  }
}
