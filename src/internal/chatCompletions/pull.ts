import * as decoding from "../decoding.js"
import { Answer, type Options } from "./answer.js"

/** Decodes a stream of events; `isEventStream` where its content type says that it is one. */
export const streamDecoder = (options: Options, isEventStream: boolean): decoding.Decoder<Answer> =>
  decoding.streamDecoder(new Answer(options), isEventStream)
