/** Nothing but uWebSockets: whoever connects is subscribed, a POST is published. Tells its parent the port. */
import { uWS } from '../../server/http/uws.ts'

const app = uWS.App()
app.ws('/*', {
  open(ws) {
    ws.subscribe('all')
  },
})
app.post('/*', (res) => {
  let body = ''
  res.onAborted(() => undefined)
  res.onData((chunk, isLast) => {
    body += Buffer.from(chunk).toString()
    if (!isLast) return
    app.publish('all', body)
    res.cork(() => res.end('{}'))
  })
})
app.listen('127.0.0.1', 0, (socket) => {
  process.send?.(socket ? uWS.us_socket_local_port(socket) : 0)
})
process.on('disconnect', () => process.exit(0))
