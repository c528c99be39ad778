/**
 * People in a call, in a process of their own, who encode nothing: each replays prepared packets, as
 * a camera of 640x360 and a microphone would send them, and counts what comes of the others.
 * Arguments: url, a token for each. Says on request how many packets were sent and arrived.
 */
import { connectReplayer, type Replayer } from './replayer.ts'

export type FromPeople = { up: true } | { counted: PacketCount }

/** RTP packets of sound and pictures. */
export interface PacketCount {
  sent: number
  received: number
}

const [url = '', ...tokens] = process.argv.slice(2)
const say = (message: FromPeople) => process.send?.(message)

const people: Replayer[] = []
for (const token of tokens) people.push(await connectReplayer(url, token))
const others = people.length - 1
await Promise.all(people.map((person) => person.untilTracks(2 * others)))

process.on('message', () => {
  const sum = (pick: (person: Replayer) => number) =>
    people.reduce((total, person) => total + pick(person), 0)
  say({ counted: { sent: sum((p) => p.sent()), received: sum((p) => p.received()) } })
})
say({ up: true })
