export { type AccessRequest, type Authorize, basicAuth, type BasicCredentials, type Verdict } from './authorize.ts'
export type { ServeLimits } from './limits.ts'
export { serve, type ServedRegistry, type ServeOptions } from './serve.ts'
export type { ServableStore } from './store.ts'
