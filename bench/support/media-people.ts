/**
 * People in a call, in a process of their own: each shows a picture and plays a tone, encrypted, and
 * receives those of the others. Arguments: url, key, a token for each. Says on request what was sent
 * and what arrived, in packets.
 */
import { joinMedia, type MediaPerson } from '../../test/media/media-person.ts'

export type FromPeople = { up: true } | { counted: PacketCount }

/** RTP packets without retransmissions. */
export interface PacketCount {
  sent: number
  received: number
  lost: number
}

const [url = '', e2eeKey = '', ...tokens] = process.argv.slice(2)
const say = (message: FromPeople) => process.send?.(message)

const people: MediaPerson[] = []
for (const [i, token] of tokens.entries()) {
  const person = await joinMedia({ url, token, e2eeKey })
  people.push(person)
  await person.show('camera', 640, 360)
  await person.play(440 + 200 * i)
}
for (const person of people)
  for (const other of people) if (other !== person) await person.untilPictures(other.identity, 5)

process.on('message', () => {
  void count().then((counted) => say({ counted }))
})
say({ up: true })

async function count(): Promise<PacketCount> {
  const sum = { sent: 0, received: 0, lost: 0 }
  for (const { room } of people) {
    const { publisherStats, subscriberStats } = await room.getRtcStats()
    // Over v1 both are one connection, the publisher's.
    for (const { stats } of [...publisherStats, ...subscriberStats]) {
      if (stats.case === 'outboundRtp') sum.sent += Number(stats.value.sent?.packetsSent ?? 0)
      if (stats.case !== 'inboundRtp') continue
      sum.received += Number(stats.value.received?.packetsReceived ?? 0)
      sum.lost += Number(stats.value.received?.packetsLost ?? 0)
    }
  }
  return sum
}
