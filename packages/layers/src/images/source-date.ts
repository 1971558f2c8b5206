import { BoxError } from '@box/core'

/**
 * The time that what is made is said to be from, where the caller says none: SOURCE_DATE_EPOCH of the environment (reproducible-builds.org), in seconds.
 * @throws BoxError `ERR_BOX_INVALID_ARGUMENT` where that is no time
 */
function sourceDate(): Date | undefined {
  const text = process.env['SOURCE_DATE_EPOCH']
  if (text === undefined || text === '') return undefined
  if (/^[0-9]{1,12}$/.test(text)) return new Date(Number(text) * 1000)
  throw new BoxError(
    'ERR_BOX_INVALID_ARGUMENT',
    `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}: expected seconds since the beginning of 1970`,
    {
      hint: 'unset the variable, or give it the time of the last change of the sources',
    },
  )
}

/** Settings with the time that they leave open. */
export function dated<Settings extends { readonly created?: Date | undefined }>(settings: Settings): Settings {
  const created = settings.created ?? sourceDate()
  return created === undefined ? settings : { ...settings, created }
}
