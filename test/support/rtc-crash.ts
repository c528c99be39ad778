/** A person in a process of its own, to be killed: `rtc-crash URL TOKEN`. Says `in` when the tone plays. */
import { joinAsPerson } from './rtc-person.ts'

const [livekitUrl = '', token = ''] = process.argv.slice(2)
const person = await joinAsPerson({ livekitUrl, token })
await person.playTone(440)
process.stdout.write('in\n')
