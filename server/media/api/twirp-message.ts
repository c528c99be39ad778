/** Protobuf messages as Go's Twirp reads and writes them: JSON with the proto's own names, nothing left out. */
import { badRoute, jsonAnswer, TwirpError, type TwirpAnswer, type TwirpRequest } from './twirp.ts'

/** What this file needs of a message of @livekit/protocol. */
export interface ProtoMessage {
  getType(): { fields: { list(): readonly ProtoField[] } }
  toJson(options: { useProtoFieldName: boolean; emitDefaultValues: boolean }): unknown
  toBinary(): Uint8Array
}

interface ProtoField {
  kind: string
  name: string
  localName: string
  repeated?: boolean
  oneof?: object | undefined
}

interface ProtoType<T> {
  fromBinary(bytes: Uint8Array): T
  fromJsonString(text: string, options: { ignoreUnknownFields: boolean }): T
}

type Encoding = 'json' | 'protobuf'
type Json = Record<string, unknown>

/** Throws `TwirpError`. Both spellings of a field's name are taken, unknown fields are left alone. */
export function readMessage<T>(
  type: ProtoType<T>,
  request: TwirpRequest,
): { message: T; encoding: Encoding } {
  const encoding = encodingOf(request)
  try {
    if (encoding === 'protobuf') return { message: type.fromBinary(request.body), encoding }
    const text = new TextDecoder('utf-8', { fatal: true }).decode(request.body)
    return { message: type.fromJsonString(text, { ignoreUnknownFields: true }), encoding }
  } catch {
    throw new TwirpError('malformed', `the ${encoding} request could not be decoded`)
  }
}

export function writeMessage(message: ProtoMessage, encoding: Encoding): TwirpAnswer {
  if (encoding === 'protobuf') {
    return { status: 200, contentType: 'application/protobuf', body: message.toBinary() }
  }
  const json = message.toJson({ useProtoFieldName: true, emitDefaultValues: true }) as Json
  addNulls(message, json)
  return jsonAnswer(200, json)
}

function encodingOf(request: TwirpRequest): Encoding {
  const [type = ''] = request.contentType.split(';')
  switch (type.trim().toLowerCase()) {
    case 'application/json':
      return 'json'
    case 'application/protobuf':
      return 'protobuf'
    default:
      throw badRoute(`unexpected Content-Type: ${JSON.stringify(request.contentType)}`, request)
  }
}

/** Go writes `null` for a message that is not there; protobuf-es leaves it out. */
function addNulls(message: ProtoMessage, json: Json): void {
  for (const field of message.getType().fields.list()) {
    if (field.kind !== 'message' || field.oneof) continue
    const value: unknown = Reflect.get(message, field.localName)
    if (field.repeated) {
      const written = json[field.name] as Json[]
      for (const [index, entry] of (value as ProtoMessage[]).entries()) {
        const place = written[index]
        if (place) addNulls(entry, place)
      }
    } else if (value === undefined) {
      json[field.name] = null
    } else {
      addNulls(value as ProtoMessage, json[field.name] as Json)
    }
  }
}
