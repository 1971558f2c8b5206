/**
 * Documents say of a promise which test shows it, as `` `path/of/the/test.ts`: "title" `` (a path from the repository's top or from the document's folder). The file must be
 * there and hold the title, word for word, so that no test goes or changes its name without the promise being looked at.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repository } from './repository.mjs'

/** @returns a line for each promise whose test is not there */
export function brokenPromises(documents = allDocuments(), read = (document) => readFileSync(join(repository, document), 'utf8')) {
  return documents.flatMap((document) =>
    promisesIn(read(document)).flatMap(({ file, title }) => {
      const path = [join(repository, file), join(repository, dirname(document), file)].find((one) => existsSync(one))
      if (path === undefined) return [`${document}: there is no file ${file}`]
      return readFileSync(path, 'utf8').includes(title) ? [] : [`${document}: ${file} has no test ${JSON.stringify(title)}`]
    }),
  )
}

/** @returns { file, title } for each test that a document names */
export function promisesIn(text) {
  return [...text.matchAll(/`([\w./-]+\.(?:ts|mjs|rs))`: "([^"]+)"/g)].map(([, file, title]) => ({ file, title }))
}

function allDocuments() {
  const pages = readdirSync(join(repository, 'docs')).map((name) => `docs/${name}`)
  const packages = readdirSync(join(repository, 'packages')).map((name) => `packages/${name}/README.md`)
  return ['README.md', 'SECURITY.md', ...pages, ...packages].filter((path) => path.endsWith('.md') && existsSync(join(repository, path)))
}
