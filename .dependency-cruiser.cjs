/**
 * Who may import whom; ARCHITECTURE.md has the same as a table. Each rule says why, for whoever runs
 * into it. `npm run deps` checks it.
 */

const inMachines = '^machines/'
const packageNamed = (...names) => `(^|/)node_modules/(${names.join('|')})(/|$)`

/** The folder may import these and nothing else of ours. */
function only(folder, allowed, comment) {
  return {
    name: `${folder.replace(/\//g, '-')}-only`,
    comment,
    severity: 'error',
    from: { path: `^${folder}/` },
    to: {
      path: '^(machines|persistence|server|web|test|bench|scripts)/',
      pathNot: [`^${folder}/`, ...allowed],
    },
  }
}

/** A package that has one home. */
function home(name, packages, folders, comment) {
  return {
    name: `${name}-has-one-home`,
    comment,
    severity: 'error',
    from: { path: '^(machines|persistence|server|web)/', pathNot: folders },
    to: { path: packageNamed(...packages) },
  }
}

/** In web: what stands lower never looks up. */
function below(folder, above, comment) {
  return {
    name: `web-${folder}-looks-down`,
    comment,
    severity: 'error',
    from: { path: `^web/${folder}/` },
    to: { path: above.map((name) => `^web/${name}/`) },
  }
}

/** Of server/media, from the top down; `link` is what both of its processes know. */
const mediaFolders = [
  'process',
  'signalling',
  'api',
  'room',
  'negotiation',
  'rtp',
  'transport',
  'link',
]

/** In server/media: a folder knows those under it. */
const mediaLooksDown = mediaFolders.map((folder, index) => ({
  name: `media-${folder}-looks-down`,
  comment:
    'A message goes down through the folders and a packet comes up by listeners: what stands lower can be read, and tried, without what is above it.',
  severity: 'error',
  from: { path: `^server/media/${folder}/` },
  to: {
    path: [
      '^server/media/(media-carrier\\.ts|carrier/)',
      ...mediaFolders.slice(0, index).map((above) => `^server/media/${above}/`),
    ],
  },
}))

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one concept, or a third one is missing.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-imports-tests',
      comment: 'The product works without its tests.',
      severity: 'error',
      from: { path: '^(machines|persistence|server|web|scripts)/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'no-missing-files',
      comment: 'It would fail at run time only.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: ['^virtual:', '^~icons/', '\\?'] },
    },
    {
      name: 'dependencies-are-declared',
      comment: 'What the server needs stands in dependencies, or a production install lacks it.',
      severity: 'error',
      from: { path: '^(machines|persistence|server)/' },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'],
        dependencyTypesNot: ['type-only'],
      },
    },
    only(
      'machines',
      [],
      'The machines are pure, and run in the browser, in the server and in tests alike.',
    ),
    {
      name: 'machines-use-xstate-only',
      comment: 'No Node, no DOM, no Vue, no ORM, no LiveKit: a machine decides and does nothing.',
      severity: 'error',
      from: { path: inMachines },
      to: { pathNot: [inMachines, packageNamed('xstate')] },
    },
    only('persistence', [inMachines], 'The store keeps what was decided, and decides nothing.'),
    only(
      'server/protocol',
      [inMachines],
      'The browser shares these schemas, so nothing of the server may come along.',
    ),
    {
      name: 'protocol-uses-the-validator-only',
      comment: 'The browser shares these schemas, so nothing of Node may come along.',
      severity: 'error',
      from: { path: '^server/protocol/' },
      to: {
        pathNot: [inMachines, '^server/protocol/', packageNamed('zod', 'zod-openapi')],
      },
    },
    only(
      'server/config',
      [inMachines],
      'It is read before anything is built, and whoever is built is given what it needs of it.',
    ),
    only('server', [inMachines, '^persistence/'], 'The server serves the web client as files.'),
    {
      name: 'only-the-root-builds-the-store',
      comment:
        'Rooms, calls and accounts take the store’s interface from persistence/store.ts. Who opens the real one is the composition root.',
      severity: 'error',
      from: { path: '^server/', pathNot: ['^server/(app|main)\\.ts$'] },
      to: { path: '^persistence/', pathNot: ['^persistence/store\\.ts$'] },
    },
    {
      name: 'nothing-imports-the-root',
      comment: 'app.ts builds everything, so what it builds cannot know it.',
      severity: 'error',
      from: { path: '^(machines|persistence|server|web)/', pathNot: ['^server/main\\.ts$'] },
      to: { path: '^server/(app|main)\\.ts$' },
    },
    only(
      'server/media',
      ['^server/time/server-clock\\.ts$'],
      'It is another program: it could be taken out and run elsewhere.',
    ),
    {
      name: 'media-has-one-entry',
      comment: 'What is inside the embedded media server can change without anybody else.',
      severity: 'error',
      from: { path: '^(machines|persistence|server|web)/', pathNot: ['^server/media/'] },
      to: { path: '^server/media/', pathNot: ['^server/media/media-carrier\\.ts$'] },
    },
    {
      name: 'media-carrier-relays-only',
      comment:
        'The web process checks tokens and passes frames on. WebRTC is loaded, and may fail, in the media process.',
      severity: 'error',
      from: { path: '^server/media/(media-carrier\\.ts|carrier/)' },
      to: {
        path: '^server/media/',
        pathNot: [
          '^server/media/(carrier|link)/',
          '^server/media/api/(media-token|jwt|twirp)\\.ts$',
        ],
      },
    },
    ...mediaLooksDown,
    only(
      'web',
      [inMachines, '^server/protocol/'],
      'The client knows the machines and what goes over the wire, nothing else of the server.',
    ),
    below(
      'stores',
      ['voice-session', 'composables', 'components', 'pages'],
      'Stores hold what is known; who shows it looks at them.',
    ),
    below(
      'voice-session',
      ['composables', 'components', 'pages'],
      'The session in a call outlives every page: it moves stores, and composables look at it.',
    ),
    below(
      'composables',
      ['components', 'pages'],
      'Composables are used by components, not the other way round.',
    ),
    ...['live', 'livekit', 'api'].map((folder) =>
      below(
        folder,
        ['stores', 'voice-session', 'composables', 'components', 'pages'],
        'The way to the server and to LiveKit is told what to do and reports; it knows no store and no page.',
      ),
    ),
    {
      name: 'components-go-through-composables',
      comment: 'Components show and ask; the wire is the business of stores and composables.',
      severity: 'error',
      from: { path: '^web/(components|pages)/' },
      to: { path: '^web/(live|livekit|api)/', dependencyTypesNot: ['type-only'] },
    },
    home(
      'uwebsockets',
      ['uWebSockets\\.js', 'uwebsockets'],
      '^server/(http|realtime)/',
      'uWebSockets’ objects die early and throw late; two folders know how to hold them.',
    ),
    home(
      'livekit-server-sdk',
      ['livekit-server-sdk'],
      '^server/livekit/',
      'LiveKit’s names and shapes are turned into ours in one folder.',
    ),
    home(
      'livekit-protocol',
      ['@livekit/protocol'],
      '^server/(livekit|media)/',
      'One folder turns LiveKit’s messages into ours; the embedded media server speaks them itself.',
    ),
    home(
      'werift',
      ['werift'],
      '^server/media/(process|rtp|transport)/',
      'WebRTC’s own parts: rooms and signalling are told of packets and connections, not of how they come.',
    ),
    home(
      'orm',
      ['@mikro-orm/[^/]+', 'sqlite3', 'pg', 'knex'],
      '^persistence/',
      'Who stores and who decides stay apart.',
    ),
    home(
      'livekit-client',
      ['livekit-client'],
      '^web/livekit/',
      'It is big and loaded late, and always encrypts: one folder sees to both.',
    ),
    home('vue', ['vue', 'vue-router', 'reka-ui', '@vueuse/[^/]+'], '^web/', 'Only the web shows.'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|data|docs|test-results)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: 'specify',
    extraExtensionsToScan: ['.css'],
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.vue', '.mjs', '.js', '.d.ts'],
    },
  },
}
