/** `npm run build`: everything that is compiled, and nothing that is unchanged. */
import { main } from './repository.mjs'
import { setUp } from './setup.mjs'

await main(setUp)
