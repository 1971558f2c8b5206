import { closeAll, measure, type Measured } from './transfers.ts'

const asRoot = process.getuid?.() === 0 ? describe : describe.skip

asRoot('bandwidth over five seconds', () => {
  afterEach(closeAll)

  const cases = [10, 100, 1000].flatMap((megabits) => [
    { megabits, protocol: 'tcp', streams: 1 } as const,
    { megabits, protocol: 'tcp', streams: 4 } as const,
    { megabits, protocol: 'udp', streams: 1 } as const,
  ])
  test.each(cases)(
    'holds $protocol in $streams streams to $megabits Mbit/s, both ways',
    async ({ megabits, protocol, streams }) => {
      // A program here sends some ten thousand datagrams a second.
      const size = megabits > 100 ? 30_000 : 1400
      const sending = (): Promise<Measured> => measure({ egress: `${megabits}mbit` }, { protocol, streams, size, end: 'sender' })
      const receiving = (): Promise<Measured> => measure({ ingress: `${megabits}mbit` }, { protocol, streams, size, end: 'receiver' })
      // Two gigabits a second at once are more than a small machine can always send.
      const [sent, received] = megabits < 1000 ? await Promise.all([sending(), receiving()]) : [await sending(), await receiving()]
      for (const { rate } of [sent, received]) {
        expect(rate / (megabits * 1e6)).toBeGreaterThan(0.9)
        expect(rate / (megabits * 1e6)).toBeLessThan(1.1)
      }
      // What went through is counted, with what was dropped apart from it.
      expect(sent.network.sent).toBeGreaterThan(megabits * 1e6 * 0.4)
      expect(received.network.received).toBeGreaterThan(megabits * 1e6 * 0.4)
      expect(received.network.receivedDroppedPackets).toBeGreaterThan(0)
      if (protocol === 'udp') expect(sent.network.sentDroppedPackets).toBeGreaterThan(0)
    },
    30_000,
  )
})
