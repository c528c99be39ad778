/**
 * A person in a process of its own that can be killed like a tab: shows a picture, says `up`, and stays.
 * Arguments: url, token, key.
 */
import { joinMedia } from './media-person.ts'

const [url, token, e2eeKey] = process.argv.slice(2)
if (url === undefined || token === undefined || e2eeKey === undefined)
  throw new Error('wanted: url, token, key')
const person = await joinMedia({ url, token, e2eeKey })
await person.show('camera')
process.stdout.write(`up ${person.sid}\n`)
