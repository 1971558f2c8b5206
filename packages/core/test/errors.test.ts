import { BoxError, fromNative } from '../src/index.ts'

test('a native failure becomes a BoxError with its system call, error name, path and step', () => {
  const error = fromNative(
    { boxFailure: true, message: 'mount: denied', syscall: 'mount', errno: 'EPERM', path: '/proc', step: 'mount proc' },
    'run as root',
  )
  expect(error).toBeInstanceOf(BoxError)
  expect(error).toMatchObject({
    code: 'ERR_BOX_PERMISSION',
    syscall: 'mount',
    errno: 'EPERM',
    path: '/proc',
    step: 'mount proc',
    hint: 'run as root',
  })
})

test('what is not a native failure is given back unchanged', () => {
  const other = new TypeError('other')
  expect(fromNative(other)).toBe(other)
  expect(other).not.toBeInstanceOf(BoxError)
})
