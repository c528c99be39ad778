import { describe, expect, test } from 'vitest'
import { ConfigError } from '../../../server/config/config-error.ts'
import { loadConfig } from '../../../server/config/load-config.ts'

const folder = '/srv/chatto'

function load({
  toml,
  env = {},
  argv = [],
  files = {},
}: {
  toml?: string
  env?: Record<string, string>
  argv?: string[]
  files?: Record<string, string>
}) {
  const all: Record<string, string> = {
    ...files,
    ...(toml !== undefined && { [`${folder}/chatto.toml`]: toml }),
  }
  return loadConfig({ argv, env, cwd: folder, readFile: (path) => all[path] })
}

function refusal(given: Parameters<typeof load>[0]): string {
  try {
    load(given)
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError)
    const { message } = error as ConfigError
    expect(message).not.toContain('\n')
    return message
  }
  throw new Error('the configuration was taken')
}

const livekit = `[livekit]
url = 'ws://localhost:7880'
api_key = 'devkey'
api_secret = 'secret'
`

describe('without any file', () => {
  test('Ada starts it in an empty folder and gets the defaults', () => {
    expect(load({})).toEqual({
      file: null,
      name: 'Chatto Calls',
      livekit: null,
      webserver: {
        url: 'http://localhost:8080',
        host: '127.0.0.1',
        port: 8080,
        origins: [],
        trustedProxies: [],
        tls: { is: 'off' },
      },
      dataFolder: '/srv/chatto/data',
      database: { url: 'sqlite:/srv/chatto/data/chatto.db' },
      accounts: { registration: 'open' },
      security: { keyEncryptionKey: null, keyFile: '/srv/chatto/data/chatto.db.key' },
      calls: {
        joinDeadlineMs: 45_000,
        doubtMs: 10_000,
        roomDoubtMs: 30_000,
        listingLagMs: 2_000,
        listingIntervalMs: 30_000,
        restlessIntervalMs: 2_000,
        livekitAwayMs: 3_600_000,
        mostPeople: 0,
      },
      limits: {
        registrationsPerMinute: 30,
        signInsPerMinute: 60,
        requestsPerSecond: 50,
        joinsPerMinute: 60,
        socketMessagesPerSecond: 100,
      },
      metrics: { token: null },
      log: { level: 'info' },
      warnings: [],
    })
  })

  test('a file that Ada names must be there', () => {
    expect(refusal({ argv: ['--config', 'other.toml'] })).toBe(
      'there is no configuration file /srv/chatto/other.toml',
    )
  })

  test.each([[['--config']], [['--config=']], [['--config', '--verbose']]])(
    '%j names no file',
    (argv) => {
      expect(refusal({ argv })).toBe('--config needs the path of a file')
    },
  )

  test('a file that cannot be read is told, whatever the reason', () => {
    const readFile = () => {
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    }
    expect(() => loadConfig({ argv: [], env: {}, cwd: folder, readFile })).toThrow(
      new ConfigError('the configuration file /srv/chatto/chatto.toml cannot be read (EACCES)'),
    )
  })
})

describe('the file', () => {
  test.each([[['--config', 'etc/my.toml']], [['--config=etc/my.toml']]])(
    '%j is taken, and data lies beside it',
    (argv) => {
      const config = load({ argv, files: { '/srv/chatto/etc/my.toml': '[webserver]\nport = 81' } })
      expect(config.file).toBe('/srv/chatto/etc/my.toml')
      expect(config.webserver).toMatchObject({ port: 81, url: 'http://localhost:81' })
      expect(config.database.url).toBe('sqlite:/srv/chatto/etc/data/chatto.db')
      expect(config.security.keyFile).toBe('/srv/chatto/etc/data/chatto.db.key')
    },
  )

  test('every key is read', () => {
    const config = load({
      toml: `
[general]
name = "Ada's place"
[webserver]
url = "https://chat.example.com/"
host = "0.0.0.0"
port = 9000
origins = ["https://a.example.com", "http://b.example.com:81/"]
trusted_proxies = ["10.0.0.0/8", "::1"]
[livekit]
enabled = true
url = "wss://live.example.com/"
api_key = "key"
api_secret = "0123456789012345678901234567890123456789"
webhook_url = "https://other.example.com/hook"
[database]
url = "postgres://ada:pw@db.example.com/chatto"
[accounts]
registration = "closed"
[security]
key_encryption_key = "${Buffer.alloc(32, 7).toString('base64')}"
[calls]
join_deadline_s = 60
doubt_s = 1.5
room_doubt_s = 20
listing_lag_s = 1
listing_interval_s = 10
restless_interval_s = 3
livekit_away_s = 100
[limits]
registrations_per_minute = 0
sign_ins_per_minute = 1
requests_per_second = 2
joins_per_minute = 4
socket_messages_per_second = 3
[metrics]
token = "t"
[log]
level = "debug"
`,
    })
    expect(config).toEqual({
      file: '/srv/chatto/chatto.toml',
      name: "Ada's place",
      livekit: {
        url: 'wss://live.example.com',
        internalUrl: 'wss://live.example.com',
        apiKey: 'key',
        apiSecret: '0123456789012345678901234567890123456789',
        webhookUrl: 'https://other.example.com/hook',
        embedded: null,
      },
      webserver: {
        url: 'https://chat.example.com',
        host: '0.0.0.0',
        port: 9000,
        origins: ['https://a.example.com', 'http://b.example.com:81'],
        trustedProxies: ['10.0.0.0/8', '::1'],
        tls: { is: 'off' },
      },
      dataFolder: '/srv/chatto/data',
      database: { url: 'postgres://ada:pw@db.example.com/chatto' },
      accounts: { registration: 'closed' },
      security: { keyEncryptionKey: Buffer.alloc(32, 7), keyFile: null },
      calls: {
        joinDeadlineMs: 60_000,
        doubtMs: 1_500,
        roomDoubtMs: 20_000,
        listingLagMs: 1_000,
        listingIntervalMs: 10_000,
        restlessIntervalMs: 3_000,
        livekitAwayMs: 100_000,
        mostPeople: 0,
      },
      limits: {
        registrationsPerMinute: 0,
        signInsPerMinute: 1,
        requestsPerSecond: 2,
        joinsPerMinute: 4,
        socketMessagesPerSecond: 3,
      },
      metrics: { token: 't' },
      log: { level: 'debug' },
      warnings: [],
    })
  })

  test('what is no TOML is told with line and column, and without the text of the line', () => {
    const message = refusal({ toml: `[livekit]\napi_secret = 'hidden-words` })
    expect(message).toMatch(/^\/srv\/chatto\/chatto\.toml:2:\d+: /)
    expect(message).not.toContain('hidden-words')
  })

  test.each([
    ['[calls]\n# doubt_s = 3\n\ndoubt_s = "soon"', 4],
    ['calls.doubt_s = 0', 1],
    ['[log]\n[ calls ]\n"doubt_s" = 601', 3],
    [
      '[webserver]\nport = 1\ncalls = { join_deadline_s = 5, doubt_s = true }\n[calls]\ndoubt_s = -1',
      5,
    ],
    ['\n\ncalls = { join_deadline_s = 5, doubt_s = true }', 3],
    ['[general]\nname = """\n[calls]\ndoubt_s = 3\n"""\n[calls]\ndoubt_s = 0', 7],
    ['[calls]\r\njoin_deadline_s = 5\r\ndoubt_s = nan\r\n', 3],
  ])('%j: the wrong value is found on its line', (toml, line) => {
    expect(refusal({ toml })).toBe(
      `/srv/chatto/chatto.toml:${line}: [calls] doubt_s must be a number of seconds from 1 to 600`,
    )
  })

  test('a list over several lines is named by the line on which it begins', () => {
    expect(
      refusal({ toml: '[webserver]\norigins = [\n  "https://a.example.com",\n  "b",\n]\n' }),
    ).toBe(
      '/srv/chatto/chatto.toml:2: [webserver] origins must be a list of origins without a path: http(s)://host[:port]',
    )
  })

  test.each([
    ['[general]\nname = " "', 'name must be a name of 1 to 60 characters'],
    ['[livekit]\nenabled = "yes"', 'enabled must be true or false'],
    [
      '[livekit]\nurl = "https://a"',
      'url must be the address of LiveKit as browsers reach it: ws://… or wss://…',
    ],
    [
      '[livekit]\nurl = "wss://ada:pw@a"',
      'url must be the address of LiveKit as browsers reach it: ws://… or wss://…',
    ],
    ['[livekit]\napi_key = 7', 'api_key must be a text that is not empty'],
    [
      '[livekit]\nwebhook_url = "ws://a"',
      'webhook_url must be the address that LiveKit sends its webhooks to: http://… or https://…',
    ],
    [
      '[webserver]\nurl = "chat.example.com"',
      'url must be the address as browsers reach it, without a path: http(s)://host[:port]',
    ],
    [
      '[webserver]\nurl = "https://a/chat"',
      'url must be the address as browsers reach it, without a path: http(s)://host[:port]',
    ],
    [
      '[webserver]\nhost = ""',
      'host must be the address to listen on: 127.0.0.1, 0.0.0.0, ::, a name …',
    ],
    ['[webserver]\nport = "8080"', 'port must be a number from 1 to 65535; 0 takes any free port'],
    ['[webserver]\nport = 65536', 'port must be a number from 1 to 65535; 0 takes any free port'],
    [
      '[webserver]\norigins = "*"',
      'origins must be a list of origins without a path: http(s)://host[:port]',
    ],
    [
      '[webserver]\ntrusted_proxies = ["10.0.0.0/33"]',
      'trusted_proxies must be a list of IP addresses or ranges like 10.0.0.0/8',
    ],
    [
      '[webserver]\ntrusted_proxies = ["proxy"]',
      'trusted_proxies must be a list of IP addresses or ranges like 10.0.0.0/8',
    ],
    [
      '[database]\nurl = "mysql://a"',
      'url must be sqlite:PATH without parameters, or postgres://USER:PASSWORD@HOST/NAME',
    ],
    [
      '[database]\nurl = "sqlite:"',
      'url must be sqlite:PATH without parameters, or postgres://USER:PASSWORD@HOST/NAME',
    ],
    [
      '[database]\nurl = "sqlite:data/"',
      'url must be sqlite:PATH without parameters, or postgres://USER:PASSWORD@HOST/NAME',
    ],
    [
      '[database]\nurl = "sqlite::memory:"',
      'url must be sqlite:PATH without parameters, or postgres://USER:PASSWORD@HOST/NAME',
    ],
    [
      '[database]\nurl = "sqlite://data/chatto.db"',
      'url must be sqlite:PATH without parameters, or postgres://USER:PASSWORD@HOST/NAME',
    ],
    ...['sqlite:data/chatto.db?mode=ro', 'sqlite:file:chatto.db', 'postgres://a b/'].map(
      (url): [string, string] => [
        `[database]\nurl = "${url}"`,
        'url must be sqlite:PATH without parameters, or postgres://USER:PASSWORD@HOST/NAME',
      ],
    ),
    ['[accounts]\nregistration = ""', 'registration must be "open" or "closed"'],
    [
      '[security]\nkey_encryption_key = "c2hvcnQ="',
      'key_encryption_key must be base64 of exactly 32 bytes (openssl rand -base64 32)',
    ],
    [
      '[limits]\nrequests_per_second = 1.5',
      'requests_per_second must be a whole number up to 1000000; 0 switches the limit off',
    ],
    ['[log]\nlevel = "loud"', 'level must be trace, debug, info, warn, error, fatal or silent'],
    ['[metrics]\ntoken = 1979-05-27', 'token must be a text that is not empty'],
  ])('%j is refused in words', (toml, words) => {
    const [, section] = /^\[(\w+)\]/.exec(toml) ?? []
    expect(refusal({ toml })).toBe(`/srv/chatto/chatto.toml:2: [${section}] ${words}`)
  })

  test.each(['join_deadline_s', 'livekit_away_s'])('%s may be one second, and no less', (key) => {
    const { calls } = load({ toml: `[calls]\n${key} = 1` })
    expect([calls.joinDeadlineMs, calls.livekitAwayMs]).toContain(1_000)
    expect(refusal({ toml: `[calls]\n${key} = 0.5` })).toContain(
      `${key} must be a number of seconds`,
    )
  })

  test('a section that is written as a value is refused', () => {
    expect(refusal({ toml: '\nlivekit = true' })).toBe(
      '/srv/chatto/chatto.toml:2: livekit must be a section, written [livekit]',
    )
    expect(refusal({ toml: '[[livekit]]\nurl = "ws://a"' })).toMatch(/written \[livekit\]$/)
  })
})

describe('what would have no effect is told or refused', () => {
  test('keys of the embedded media server beside a LiveKit of one’s own', () => {
    const { warnings } = load({ toml: `${livekit}max_participants = 4\nudp_ports = "50000"` })
    expect(warnings).toEqual([
      '/srv/chatto/chatto.toml:6: [livekit] udp_ports, max_participants left alone: only the ' +
        'media server inside this program (embedded = true) has it',
    ])
    expect(load({ toml: '[livekit]\nembedded = true\nmax_participants = 4' }).warnings).toEqual([])
  })

  test('an address without TLS of a server that has nothing else', () => {
    const toml = '[webserver]\nurl = "http://chat.example.com"\ntls = "self-signed"'
    expect(load({ toml }).warnings).toEqual([expect.stringContaining('url begins with http, but')])
    expect(load({ toml: toml.replace('http:', 'https:') }).warnings).toEqual([])
  })

  test('TLS that is off, with a certificate', () => {
    const toml = '[webserver]\ntls = "off"\ntls_cert = "a.crt"\ntls_key = "a.key"'
    expect(refusal({ toml })).toBe(
      '/srv/chatto/chatto.toml:2: [webserver] tls = "off" and tls_cert exclude each other',
    )
  })

  test.each([['--port', '80'], ['--confg=a.toml'], ['chatto.toml']])(
    '%s on the command line',
    (...argv) => {
      expect(refusal({ argv })).toBe(
        `${argv[0]} is not known on the command line: only --config FILE is`,
      )
    },
  )
})

describe('the environment', () => {
  test('wins over the file, key by key', () => {
    const config = load({
      toml: `${livekit}[webserver]\nport = 81\nhost = "::"\n[accounts]\nregistration = "open"`,
      env: {
        CHATTO_WEBSERVER_PORT: '82',
        CHATTO_LIVEKIT_API_SECRET: 'other',
        CHATTO_ACCOUNTS_REGISTRATION: 'closed',
        CHATTO_WEBSERVER_ORIGINS: 'https://a.example.com, https://b.example.com',
        CHATTO_WEBSERVER_TRUSTED_PROXIES: '127.0.0.1',
        CHATTO_CALLS_DOUBT_S: '2.5',
        CHATTO_GENERAL_NAME: '42',
        PATH: '/usr/bin',
      },
    })
    expect(config).toMatchObject({
      name: '42',
      webserver: {
        port: 82,
        host: '::',
        origins: ['https://a.example.com', 'https://b.example.com'],
        trustedProxies: ['127.0.0.1'],
      },
      accounts: { registration: 'closed' },
      calls: { doubtMs: 2_500 },
      livekit: { apiSecret: 'other', apiKey: 'devkey' },
      warnings: [],
    })
  })

  test('an empty variable counts as not set, as compose files leave it', () => {
    const config = load({
      toml: '[accounts]\nregistration = "closed"',
      env: { CHATTO_ACCOUNTS_REGISTRATION: '', CHATTO_LIVEKIT_URL: '' },
    })
    expect(config.accounts.registration).toBe('closed')
    expect(config.livekit).toBeNull()
  })

  test('a wrong value names its variable', () => {
    expect(refusal({ toml: '[webserver]\nport = 1', env: { CHATTO_WEBSERVER_PORT: 'http' } })).toBe(
      'the variable CHATTO_WEBSERVER_PORT: [webserver] port must be a number from 1 to 65535; 0 takes any free port',
    )
  })

  test('a variable that is not known is a warning with the nearest one', () => {
    const { warnings } = load({ env: { CHATTO_WEBSERVER_PROT: '81', CHATTO_SMTP_HOST: 'mail' } })
    expect(warnings).toEqual([
      'the variable CHATTO_WEBSERVER_PROT is not known and is left alone; did you mean CHATTO_WEBSERVER_PORT?',
      expect.stringMatching(/^the variable CHATTO_SMTP_HOST is not known and is left alone/),
    ])
  })
})

describe('LiveKit', () => {
  test('the example of the handbook turns calls on, and its webhook goes to this server', () => {
    const config = load({ toml: `${livekit}[webserver]\nurl = "https://chat.example.com"` })
    expect(config.livekit).toEqual({
      url: 'ws://localhost:7880',
      internalUrl: 'ws://localhost:7880',
      apiKey: 'devkey',
      apiSecret: 'secret',
      webhookUrl: 'https://chat.example.com/webhooks/livekit',
      embedded: null,
    })
    expect(config.warnings).toEqual([])
  })

  test('R50 no section, or enabled = false, turns calls off', () => {
    expect(load({ toml: '[webserver]\nport = 1' }).livekit).toBeNull()
    expect(load({ toml: '[livekit]\nenabled = false' }).livekit).toBeNull()
    expect(load({ toml: '[livekit]\nenabled = false\nurl = ""\napi_key = ""' }).livekit).toBeNull()
    expect(load({ toml: livekit, env: { CHATTO_LIVEKIT_ENABLED: 'false' } }).livekit).toBeNull()
    expect(load({ toml: livekit, env: { CHATTO_LIVEKIT_ENABLED: '0' } }).livekit).toBeNull()
  })

  test('a section made only of variables is there', () => {
    const { livekit } = load({
      env: {
        CHATTO_LIVEKIT_URL: 'wss://live.example.com',
        CHATTO_LIVEKIT_API_KEY: '12345',
        CHATTO_LIVEKIT_API_SECRET: '00000000001111111111222222222233',
      },
    })
    expect(livekit).toMatchObject({
      apiKey: '12345',
      apiSecret: '00000000001111111111222222222233',
    })
    expect(refusal({ env: { CHATTO_LIVEKIT_ENABLED: 'true' } })).toMatch(
      /^\[livekit\] url is missing/,
    )
  })

  test.each(['url', 'api_key', 'api_secret'])(
    'on without %s is an error, absent or empty',
    (key) => {
      const without = livekit.replace(new RegExp(`^${key} = .*\n`, 'm'), '')
      const words = `[livekit] ${key} is missing: calls are on, so set it there or as CHATTO_LIVEKIT_${key.toUpperCase()}, set embedded = true to let this server carry the media, or turn calls off with enabled = false`
      expect(refusal({ toml: without })).toBe(words)
      expect(refusal({ toml: `${without}${key} = ""` })).toBe(words)
      expect(refusal({ toml: `${without}enabled = true` })).toBe(words)
    },
  )

  test('a short secret is taken, and warned about unless LiveKit is on this machine', () => {
    const warningsFor = (url: string, secret: string) => {
      const config = load({
        toml: `[livekit]\nurl = '${url}'\napi_key = 'k'\napi_secret = '${secret}'`,
      })
      expect(config.livekit).toMatchObject({ apiSecret: secret })
      expect(config.warnings.join()).not.toContain(secret)
      return config.warnings.length
    }
    expect(warningsFor('wss://live.example.com', 'qz')).toBe(1)
    expect(warningsFor('wss://live.example.com', 'qz'.repeat(16))).toBe(0)
    expect(warningsFor('ws://127.0.0.1:7880', 'qz')).toBe(0)
    expect(warningsFor('ws://[::1]:7880', 'qz')).toBe(0)
  })
})

describe('the key-encryption key', () => {
  test('R41 must be configured with PostgreSQL, for there is no file beside it', () => {
    const message = refusal({ toml: '[database]\nurl = "postgres://ada:hidden-words@db/chatto"' })
    expect(message).toMatch(/^\[security\] key_encryption_key is missing: with PostgreSQL/)
    expect(message).not.toContain('hidden-words')
  })

  test('R41 is taken from the environment, with SQLite too', () => {
    const key = Buffer.alloc(32, 9)
    const config = load({ env: { CHATTO_SECURITY_KEY_ENCRYPTION_KEY: key.toString('base64') } })
    expect(config.security).toEqual({ keyEncryptionKey: key, keyFile: null })
  })

  test.each([31, 33, 0])('R41 of %i bytes is refused without showing it', (length) => {
    const text = `${Buffer.alloc(length, 9).toString('base64')} `
    const message = refusal({ env: { CHATTO_SECURITY_KEY_ENCRYPTION_KEY: text } })
    expect(message).toContain('the variable CHATTO_SECURITY_KEY_ENCRYPTION_KEY')
    if (length > 0) expect(message).not.toContain(text.slice(0, 8))
  })
})

describe('what is not known', () => {
  test('a chatto.toml of Chatto itself gives a warning for each section, and never an error', () => {
    const { warnings, livekit: calls } = load({
      toml: `${livekit}[core.assets]\nsecret = "hidden-words"\n[core.nats]\nport = 1\n[[push]]\n[owners]\nemails = []`,
    })
    expect(calls).not.toBeNull()
    expect(warnings).toEqual([
      '/srv/chatto/chatto.toml: [core] is not known and is left alone',
      '/srv/chatto/chatto.toml: [push] is not known and is left alone',
      '/srv/chatto/chatto.toml: [owners] is not known and is left alone',
    ])
  })

  test('the nearest known name is offered', () => {
    const { warnings } = load({
      toml: 'port = 81\n[livekt]\nurl = ""\n[webserver]\nprot = 81\nzzzzzz = 1\n[general]\n"__proto__x" = 1',
    })
    expect(warnings).toEqual([
      '/srv/chatto/chatto.toml: port, outside of any section, is not known and is left alone',
      '/srv/chatto/chatto.toml: [livekt] is not known and is left alone; did you mean [livekit]?',
      '/srv/chatto/chatto.toml: [webserver] prot is not known and is left alone; did you mean port?',
      '/srv/chatto/chatto.toml: [webserver] zzzzzz is not known and is left alone',
      '/srv/chatto/chatto.toml: [general] __proto__x is not known and is left alone',
    ])
  })

  test('names that every object has are no keys of ours', () => {
    const { warnings } = load({
      toml: '[constructor]\na = 1\n[webserver]\ntoString = 1',
      env: { CHATTO_WEBSERVER_CONSTRUCTOR: '1' },
    })
    expect(warnings).toHaveLength(3)
  })
})

describe('the embedded media server', () => {
  test('one line turns it on', () => {
    expect(load({ toml: '[livekit]\nembedded = true' }).livekit).toEqual({
      embedded: { mediaAddresses: null, udpPorts: null, maxParticipants: 8 },
    })
    expect(load({ env: { CHATTO_LIVEKIT_EMBEDDED: 'true' } }).livekit).toMatchObject({
      embedded: { maxParticipants: 8 },
    })
  })

  test('ports, addresses and size can be set', () => {
    const toml =
      '[livekit]\nembedded = true\nudp_ports = "50000-50099"\n' +
      'media_addresses = ["192.168.1.20", "2001:db8::20"]\nmax_participants = 4'
    expect(load({ toml }).livekit).toEqual({
      embedded: {
        mediaAddresses: ['192.168.1.20', '2001:db8::20'],
        udpPorts: { from: 50_000, to: 50_099 },
        maxParticipants: 4,
      },
    })
  })

  test.each([
    { mostPeople: 4, places: 8, most: 4 },
    { mostPeople: 20, places: 8, most: 8 },
    { mostPeople: 20, places: 30, most: 20 },
    { mostPeople: 0, places: 6, most: 6 },
  ])(
    'of most_people = $mostPeople and max_participants = $places the smaller counts, and 0 is none',
    ({ mostPeople, places, most }) => {
      const { calls, livekit } = load({
        toml:
          `[livekit]\nembedded = true\nmax_participants = ${places}\n` +
          `[calls]\nmost_people = ${mostPeople}`,
      })
      expect(calls.mostPeople).toBe(most)
      expect(livekit).toMatchObject({ embedded: { maxParticipants: most } })
    },
  )

  test('its size is none of a LiveKit of one’s own, nor of calls that are off', () => {
    const toml = `${livekit}max_participants = 4\n[calls]\nmost_people = 20`
    expect(load({ toml }).calls.mostPeople).toBe(20)
    expect(load({ toml: '[calls]\nmost_people = 20' }).calls.mostPeople).toBe(20)
  })

  test.each([
    ['url = "wss://live.example.com"', 'url'],
    ['api_key = "k"', 'api_key'],
    ['api_secret = "s"', 'api_secret'],
  ])('with %s it is an error that names the place', (line, key) => {
    const message = refusal({ toml: `[livekit]\nembedded = true\n${line}` })
    expect(message).toMatch(
      new RegExp(`^/srv/chatto/chatto.toml:3: \\[livekit\\] ${key} and embedded`),
    )
  })

  test.each(['"80-90"', '"50099-50000"', '"many"', '50000.5'])(
    'udp_ports = %s is refused',
    (value) => {
      const message = refusal({ toml: `[livekit]\nembedded = true\nudp_ports = ${value}` })
      expect(message).toContain(
        '[livekit] udp_ports must be a range of UDP ports like "50000-50099"',
      )
    },
  )

  test('R50 enabled = false wins', () => {
    expect(load({ toml: '[livekit]\nenabled = false\nembedded = true' }).livekit).toBeNull()
  })
})

describe('https', () => {
  test('a certificate of one’s own is found from the configuration’s folder', () => {
    const config = load({ toml: '[webserver]\ntls_cert = "a.crt"\ntls_key = "/etc/a.key"' })
    expect(config.webserver).toMatchObject({
      url: 'https://localhost:8080',
      tls: { is: 'files', certificateFile: '/srv/chatto/a.crt', keyFile: '/etc/a.key' },
    })
  })

  test('a self-signed one lies beside the database', () => {
    const toml = '[webserver]\ntls = "self-signed"\n[database]\nurl = "sqlite:/var/chatto/c.db"'
    expect(load({ toml }).webserver.tls).toEqual({ is: 'self-signed', folder: '/var/chatto' })
  })

  test('half of it, or both kinds at once, is an error', () => {
    expect(refusal({ toml: '[webserver]\ntls_cert = "a.crt"' })).toContain('tls_key is missing')
    expect(refusal({ toml: '[webserver]\ntls_key = "a.key"' })).toContain('tls_cert is missing')
    const both = '[webserver]\ntls = "self-signed"\ntls_cert = "a"\ntls_key = "b"'
    expect(refusal({ toml: both })).toContain('exclude each other')
  })
})
