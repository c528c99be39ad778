/** Handlers on uWebSockets.js: everything is copied first, and nothing that is thrown gets out. */
import type { Logger } from 'pino'
import type { TemplatedApp } from 'uWebSockets.js'
import { AppError } from '../errors.ts'
import { answerError } from './answer.ts'
import { copyHead, openExchange, type Exchange, type RequestHead } from './request.ts'

export type Handler = (exchange: Exchange, head: RequestHead) => void

/** An error that is thrown out of a handler would end the process. */
export function mount(
  app: TemplatedApp,
  method: 'get' | 'post' | 'any',
  path: string,
  handler: Handler,
  log: Logger,
): void {
  app[method](path, (res, req) => {
    const exchange = openExchange(res, req)
    try {
      handler(exchange, copyHead(res, req))
    } catch (error) {
      if (error instanceof AppError) {
        answerError(exchange, error)
        return
      }
      log.error({ err: error }, 'a handler failed')
      answerError(exchange, new AppError('unavailable', 'something went wrong here; try again'))
    }
  })
}
