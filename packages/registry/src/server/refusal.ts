import type { OutgoingHttpHeaders } from 'node:http'

/** The error codes of the distribution specification ("Error Codes"), and `UNKNOWN` for what is the server's own fault. */
export type RefusalCode =
  | 'BLOB_UNKNOWN'
  | 'BLOB_UPLOAD_INVALID'
  | 'BLOB_UPLOAD_UNKNOWN'
  | 'DIGEST_INVALID'
  | 'MANIFEST_BLOB_UNKNOWN'
  | 'MANIFEST_INVALID'
  | 'MANIFEST_UNKNOWN'
  | 'NAME_INVALID'
  | 'NAME_UNKNOWN'
  | 'SIZE_INVALID'
  | 'UNAUTHORIZED'
  | 'DENIED'
  | 'UNSUPPORTED'
  | 'TOOMANYREQUESTS'
  | 'UNKNOWN'

export interface RefusalDetails {
  readonly detail?: unknown
  readonly headers?: OutgoingHttpHeaders
}

/** A request is answered with an error. Thrown by the handlers, turned into an answer in one place. */
export class Refusal extends Error {
  override readonly name: string = 'Refusal'
  readonly status: number
  readonly code: RefusalCode
  readonly detail: unknown
  readonly headers: OutgoingHttpHeaders

  constructor(status: number, code: RefusalCode, message: string, details: RefusalDetails = {}) {
    super(message)
    this.status = status
    this.code = code
    this.detail = details.detail
    this.headers = details.headers ?? {}
  }
}

/** The body of an error answer (distribution-spec, "Error Codes"). */
export function errorBody({ code, message, detail }: Refusal): string {
  return JSON.stringify({ errors: [{ code, message, ...(detail === undefined ? {} : { detail }) }] })
}
