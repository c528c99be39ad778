/** For admins: how LiveKit is, and what was ignored. */
import type { AdminService } from '../../calls/admin-service.ts'
import {
  activeCallsAnswer,
  callEvidenceAnswer,
  healthAnswer,
  ignoredAnswer,
} from '../../protocol/wire.ts'
import { route, type Route } from '../route.ts'

export function adminRoutes(admin: AdminService): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/admin/health',
      who: 'admin',
      summary: 'Whether LiveKit answers and its webhooks arrive',
      answers: { 200: healthAnswer },
      handle: async ({ me }) => ({ status: 200, body: await admin.health(me) }),
    }),
    route({
      method: 'GET',
      path: '/api/admin/calls',
      who: 'admin',
      summary: 'The calls that are on',
      answers: { 200: activeCallsAnswer },
      handle: async () => ({ status: 200, body: { calls: await admin.calls() } }),
    }),
    route({
      method: 'GET',
      path: '/api/admin/calls/:callId',
      who: 'admin',
      summary:
        'By which step, from which source and how long ago each person of a call is shown so',
      answers: { 200: callEvidenceAnswer },
      handle: async ({ param }) => ({ status: 200, body: await admin.evidence(param('callId')) }),
    }),
    route({
      method: 'GET',
      path: '/api/admin/ignored',
      who: 'admin',
      summary: 'Reports that changed nothing, and why',
      answers: { 200: ignoredAnswer },
      handle: async ({ me }) => ({ status: 200, body: { ignored: await admin.ignored(me) } }),
    }),
  ]
}
