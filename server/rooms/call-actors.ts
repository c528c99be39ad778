/**
 * The running actors of calls in this process, and the one door to follow them. An actor takes a step
 * when it is committed, never before; whoever follows gets each of them once, in order. A call that
 * nothing happens to has no actor; its next step makes one from its snapshot.
 */
import type { Logger } from 'pino'
import {
  advanceCallActor,
  createCallActor,
  type CallActor,
  type CommittedStep,
} from '../../machines/call.actor.ts'

export type CallFollower = (step: CommittedStep) => void

export interface CallActors {
  /** Each committed step of every call of this process from now on; gives the way out. */
  follow(follower: CallFollower): () => void
  /** The room's actor takes what was committed, in order. */
  advance(roomId: string, steps: readonly CommittedStep[]): void
  /** The room's actor is not needed now, or not right any more. */
  stop(roomId: string): void
  count(): number
}

export function createCallActors({ log }: { log: Logger }): CallActors {
  const actors = new Map<string, CallActor>()
  const followers = new Set<CallFollower>()

  function notifyFollowers(step: CommittedStep): void {
    for (const follower of followers) {
      try {
        follower(step)
      } catch (error) {
        // What is committed is committed, whoever stumbles over it.
        log.error({ err: error, callId: step.callId }, 'a follower of calls failed')
      }
    }
  }

  function stop(roomId: string): void {
    actors.get(roomId)?.stop()
    actors.delete(roomId)
  }

  return {
    follow(follower) {
      followers.add(follower)
      return () => void followers.delete(follower)
    },
    advance(roomId, steps) {
      for (const step of steps) {
        let actor = actors.get(roomId)
        if (!actor) {
          actor = createCallActor(step.before, notifyFollowers)
          actors.set(roomId, actor)
        }
        advanceCallActor(actor, step)
        // Over: the next join is another call, and another actor.
        if (actor.getSnapshot().status !== 'active') stop(roomId)
      }
    },
    stop,
    count: () => actors.size,
  }
}
