import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import fs from 'fs-extra'

import { inventory, type Inventory } from './inventory.ts'

/** A folder for each test, removed after it; whatever else a test leaves on the machine fails it. */
export function useWorkplace(): { readonly folder: string } {
  let folder = ''
  let before: Inventory
  beforeEach(() => {
    before = inventory()
    folder = mkdtempSync(path.join(tmpdir(), 'box-e2e-'))
  })
  afterEach(async () => {
    await fs.remove(folder)
    expect(inventory()).toEqual(before)
  })
  return {
    get folder() {
      return folder
    },
  }
}
