/** `node --conditions=@box/source --import …/typescript.mjs program.ts`: runs TypeScript sources as the tests do. */
import { register } from 'node:module'

register('./typescript-hooks.mjs', import.meta.url)
