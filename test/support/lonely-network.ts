/**
 * Runs in a network of its own (`ip netns exec`), where there is no IPv4 at all: two people in a call on the
 * embedded media server, then the machine gets another address, and two others. Says what it saw as JSON.
 */
import { execFileSync } from 'node:child_process'
import { startMediaCarrier } from './media-carrier.ts'
import { disposeRtc, joinAsPerson } from './rtc-person.ts'

const ip = (...words: string[]) => execFileSync('ip', words)

ip('link', 'set', 'lo', 'up')
ip('addr', 'del', '127.0.0.1/8', 'dev', 'lo')
ip('link', 'add', 'lan', 'type', 'veth', 'peer', 'name', 'far')
ip('link', 'set', 'far', 'up')
ip('link', 'set', 'lan', 'up')
ip('-6', 'addr', 'add', 'fd00::1/64', 'dev', 'lan', 'nodad')

const carrier = await startMediaCarrier({ host: '::1', addresses: null })
await twoHearEachOther('ada', 'bo')
ip('-6', 'addr', 'add', 'fd00::2/64', 'dev', 'lan', 'nodad')
ip('-6', 'addr', 'del', 'fd00::1/64', 'dev', 'lan')
await twoHearEachOther('cleo', 'dee')
process.stdout.write(`\n${JSON.stringify({ told: carrier.told, warnings: carrier.warnings })}\n`)
await carrier.close()
await disposeRtc()
process.exit(0)

async function twoHearEachOther(one: string, other: string): Promise<void> {
  const people = []
  for (const identity of [one, other]) {
    const token = await carrier.token(identity, 'lounge')
    people.push(await joinAsPerson({ livekitUrl: carrier.url, token, e2eeKey: 'a key' }))
  }
  const [first, second] = people
  await first?.playTone(440)
  await second?.untilHears(one, 440)
  await Promise.all(people.map((person) => person.leave()))
}
