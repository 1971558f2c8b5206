import type * as binding from './index.d.ts'

export type * from './index.d.ts'

/** The binding's functions. Throws a plain failure (see `fromNative` of @box/core) where there is no binding for the platform. */
export declare function native(): typeof binding
