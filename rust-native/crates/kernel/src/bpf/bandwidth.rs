//! Limits of bandwidth for all sockets of a group, whatever their network namespace. In each direction a token bucket decides on
//! packets (`BPF_PROG_TYPE_CGROUP_SKB`); TCP is paced just below the rate before that (`BPF_PROG_TYPE_SOCK_OPS`), because a stream whose packets are
//! dropped sleeps while tokens overflow.
//!
//! The bucket is kept as one number, the time at which it will be full again (the generic cell rate algorithm, ITU-T I.371): one atomic word instead of a
//! lock, and no token is lost to rounding.

use std::os::fd::BorrowedFd;

use super::assembler::Condition::{Above, AtLeast, Equal};
use super::assembler::Operation::{Add, Divide, Move, Multiply, Subtract};
use super::assembler::Register::{R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10};
use super::assembler::Size::{Double, Word};
use super::assembler::{Assembler, Instruction, Label, Register};
use super::system::{Kind, Program, Shared};
use crate::{Failure, Result};

/// The bucket of what is sent, in nanoseconds of the rate: less halves TCP, whose shortest retransmission timeout is 200 ms.
const EGRESS_DEPTH: u64 = 250_000_000;
/// The bucket of what is received. Its sender is not paced, so that packets are dropped, and where a retransmission is dropped too the next timeout is
/// 400 ms.
const INGRESS_DEPTH: u64 = 500_000_000;
/// At least this many bytes fit in, so that the largest ordinary packet of the loopback device does.
const LEAST_DEPTH: u64 = 131_072;
/// What a new bucket holds, in nanoseconds of the rate.
const FIRST: u64 = 20_000_000;
/// A byte is this many nanoseconds at one bit a second.
const BYTE: u64 = 8_000_000_000;
/// Where a rate is higher, it is no limit for `SO_MAX_PACING_RATE`, which has 32 bits.
const UNPACED: u64 = 0xffff_ffff;

/// The window of TCP connections that receive, in milliseconds of the rate: what the shortest retransmission timeout saves up, so that all that a sender
/// repeats after it passes, and the next timeout is not twice as long.
const WINDOW: u64 = 200;
/// Above this the system's limit of `SO_RCVBUF` would make it smaller, and there is no need for it: a packet is small beside the bucket.
const LARGEST_WINDOW: u64 = 262_144;

/// A packet is this many nanoseconds at one packet a second.
const PACKET: u64 = 1_000_000_000;

/// Words of the settings, for each direction: the rate in bits a second (0 is no limit), the bucket's depth in nanoseconds, the pacing rate in bytes a
/// second (egress) or the receive buffer in bytes (ingress; 0 leaves it), then rate and depth of packets.
const SETTINGS: usize = 5;
/// Words of the state, for each direction: when the bucket of bytes is full again, then bytes and packets that passed and that were dropped, then when
/// the bucket of packets is full again.
const STATE: usize = 6;
/// Bytes of one direction in either.
const SETTINGS_SIZE: i16 = 40;
const STATE_SIZE: i16 = 48;

/// One of the two buckets of a direction: where its rate, its depth and its state are, what one unit costs at a rate of one, and where on the stack the cost
/// of the packet is kept.
struct Bucket {
    rate: i16,
    depth: i16,
    state: i16,
    unit: u64,
    cost: i16,
}

const BYTES: Bucket = Bucket { rate: 0, depth: 8, state: 0, unit: BYTE, cost: -8 };
const PACKETS: Bucket = Bucket { rate: 24, depth: 32, state: 40, unit: PACKET, cost: -16 };
/// Where on the stack the time is kept.
const NOW: i16 = -24;
/// Where `struct __sk_buff` has the number of packets that a large one is sent as, or was made of.
const SEGMENTS: i16 = 164;

const HELPER_KTIME_GET_NS: i32 = 5;
const HELPER_SETSOCKOPT: i32 = 49;
const HELPER_SOCK_OPS_CB_FLAGS_SET: i32 = 59;

/// Bits and packets a second each way; `None` is no limit, and counts all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    /// The bits that the group sends.
    pub egress: Option<u64>,
    /// The bits that it receives.
    pub ingress: Option<u64>,
    /// The packets that it sends.
    pub egress_packets: Option<u64>,
    /// The packets that it receives.
    pub ingress_packets: Option<u64>,
}

/// What went through one direction, in IP packets and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Counters {
    pub passed_bytes: u64,
    pub passed_packets: u64,
    pub dropped_bytes: u64,
    pub dropped_packets: u64,
}

/// The programs of one group and what they share with this process.
#[derive(Debug)]
pub struct Bandwidth {
    settings: Shared<{ 2 * SETTINGS }>,
    state: Shared<{ 2 * STATE }>,
    programs: [Program; 3],
}

impl Bandwidth {
    /// Loads the programs; nothing is limited yet. Needs CAP_BPF and CAP_NET_ADMIN.
    pub fn load(rates: Rates) -> Result<Self> {
        let settings = Shared::new()?;
        let state = Shared::new()?;
        settings.write(&settings_of(rates))?;
        state.write(&first_state(rates, now()?))?;
        let programs = [
            Program::load(Kind::Egress, &policer(Kind::Egress, settings.descriptor(), state.descriptor())?)?,
            Program::load(Kind::Ingress, &policer(Kind::Ingress, settings.descriptor(), state.descriptor())?)?,
            Program::load(Kind::SocketOperations, &pacer(settings.descriptor())?)?,
        ];
        Ok(Self { settings, state, programs })
    }

    /// The programs that limit a group already, whichever process has attached them.
    pub fn attached(group: BorrowedFd<'_>) -> Result<Option<Self>> {
        let found = |kind| Program::attached(kind, group);
        let (Some(egress), Some(ingress), Some(pacer)) = (found(Kind::Egress)?, found(Kind::Ingress)?, found(Kind::SocketOperations)?)
        else {
            return Ok(None);
        };
        Ok(Some(Self { settings: Shared::of(&egress)?, state: Shared::of(&egress)?, programs: [egress, ingress, pacer] }))
    }

    /// The rates that hold now.
    pub fn rates(&self) -> Result<Rates> {
        let [egress, _, _, egress_packets, _, ingress, _, _, ingress_packets, _] = self.settings.read()?;
        let limit = |rate| Some(rate).filter(|rate| *rate > 0);
        Ok(Rates {
            egress: limit(egress),
            ingress: limit(ingress),
            egress_packets: limit(egress_packets),
            ingress_packets: limit(ingress_packets),
        })
    }

    /// Limits a group of the v2 hierarchy, until it is removed. After a failure none of the programs is attached.
    pub fn attach(&self, group: BorrowedFd<'_>) -> Result<()> {
        for (index, program) in self.programs.iter().enumerate() {
            if let Err(failure) = program.attach(group) {
                for attached in self.programs.iter().take(index) {
                    attached.detach(group)?;
                }
                return Err(failure);
            }
        }
        Ok(())
    }

    /// Changes the rates. Connections that are paced follow within a round trip.
    pub fn set(&self, rates: Rates) -> Result<()> {
        self.settings.write(&settings_of(rates))
    }

    /// What went through: first what was sent, then what was received.
    pub fn counters(&self) -> Result<[Counters; 2]> {
        let [_, sb, sp, sdb, sdp, _, _, rb, rp, rdb, rdp, _] = self.state.read()?;
        let counters = |passed_bytes, passed_packets, dropped_bytes, dropped_packets| Counters {
            passed_bytes,
            passed_packets,
            dropped_bytes,
            dropped_packets,
        };
        Ok([counters(sb, sp, sdb, sdp), counters(rb, rp, rdb, rdp)])
    }
}

fn settings_of(rates: Rates) -> [u64; 2 * SETTINGS] {
    let (egress, ingress) = (rates.egress.unwrap_or(0), rates.ingress.unwrap_or(0));
    // 0.98 of the rate: the bucket never runs dry, and nothing of a lone stream is dropped.
    let pacing = if egress == 0 { UNPACED } else { (egress / 8 / 100 * 98).clamp(1, UNPACED) };
    let window = Some(ingress / 8 * WINDOW / 1000).filter(|window| *window <= LARGEST_WINDOW).unwrap_or(0);
    let (sent, received) = (rates.egress_packets.unwrap_or(0), rates.ingress_packets.unwrap_or(0));
    [
        egress,
        depth(egress, EGRESS_DEPTH),
        pacing,
        sent,
        depth_of_packets(sent, EGRESS_DEPTH),
        ingress,
        depth(ingress, INGRESS_DEPTH),
        window,
        received,
        depth_of_packets(received, INGRESS_DEPTH),
    ]
}

fn first_state(rates: Rates, now: u64) -> [u64; 2 * STATE] {
    let full_at = |depth: u64| now + depth.saturating_sub(FIRST);
    let [_, egress, _, _, sent, _, ingress, _, _, received] = settings_of(rates);
    [full_at(egress), 0, 0, 0, 0, full_at(sent), full_at(ingress), 0, 0, 0, 0, full_at(received)]
}

/// At least one packet fits in.
fn depth_of_packets(rate: u64, time: u64) -> u64 {
    PACKET.checked_div(rate).map_or(0, |least| least.max(time))
}

fn depth(rate: u64, time: u64) -> u64 {
    (LEAST_DEPTH * BYTE).checked_div(rate).map_or(0, |least| least.max(time))
}

/// The clock of `bpf_ktime_get_ns`.
fn now() -> Result<u64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).ok();
    let nanoseconds = u64::try_from(time.tv_nsec).ok();
    seconds
        .zip(nanoseconds)
        .map(|(seconds, nanoseconds)| seconds * 1_000_000_000 + nanoseconds)
        .ok_or_else(|| Failure::new("ERR_BOX_SYSTEM", "the monotonic clock is negative"))
}

/// Decides on one packet: lets it pass where both buckets have the tokens for it.
fn policer(kind: Kind, settings: BorrowedFd<'_>, state: BorrowedFd<'_>) -> Result<Vec<Instruction>> {
    // Egress: 2 tells the sender of congestion, where 0 would be an EPERM for senders of UDP.
    let (index, verdict) = if kind == Kind::Egress { (0, 2) } else { (1, 0) };
    let mut it = Assembler::default();
    let (one, limited, bytes, pass, refund, drop) = (it.label(), it.label(), it.label(), it.label(), it.label(), it.label());
    // `len` is the first field of `struct __sk_buff`.
    it.load(Word, R7, R1, 0);
    it.load(Word, R6, R1, SEGMENTS);
    it.jump_if_value(Above, R6, 0, one);
    it.apply_value(Move, R6, 1);
    it.place(one);
    it.point_into(R8, settings, i32::from(index * SETTINGS_SIZE));
    it.point_into(R9, state, i32::from(index * STATE_SIZE));
    it.apply_value(Move, R1, 0);
    it.store(Double, R10, PACKETS.cost, R1);
    it.load(Double, R1, R8, BYTES.rate);
    it.jump_if_value(Above, R1, 0, limited);
    it.load(Double, R1, R8, PACKETS.rate);
    it.jump_if_value(Equal, R1, 0, pass);
    it.place(limited);
    it.call(HELPER_KTIME_GET_NS);
    it.store(Double, R10, NOW, R0);
    take(&mut it, &PACKETS, R6, bytes, drop);
    it.place(bytes);
    take(&mut it, &BYTES, R7, pass, refund);
    it.place(pass);
    count(&mut it, 8);
    it.apply_value(Move, R0, 1);
    it.exit();
    // What the bucket of bytes refuses has used up no packet.
    it.place(refund);
    it.load(Double, R2, R10, PACKETS.cost);
    it.apply_value(Move, R1, 0);
    it.apply(Subtract, R1, R2);
    it.atomic_add(R9, PACKETS.state, R1);
    it.place(drop);
    count(&mut it, 24);
    it.apply_value(Move, R0, verdict);
    it.exit();
    finished(it)
}

/// Takes the tokens for so many units from a bucket, and goes to `taken`, or to `lacking` where it has not enough.
fn take(it: &mut Assembler, bucket: &Bucket, units: Register, taken: Label, lacking: Label) {
    it.load(Double, R1, R8, bucket.rate);
    it.jump_if_value(Equal, R1, 0, taken);
    // The time that the packet takes at the rate.
    it.apply(Move, R2, units);
    it.set(R3, bucket.unit);
    it.apply(Multiply, R2, R3);
    it.apply(Divide, R2, R1);
    it.store(Double, R10, bucket.cost, R2);
    // Another processor may take tokens meanwhile. After four tries the packet passes, and is paid for.
    for _ in 0..4 {
        it.load(Double, R1, R10, bucket.cost);
        it.load(Double, R4, R10, NOW);
        it.load(Double, R2, R9, bucket.state);
        let (busy, deep) = (it.label(), it.label());
        it.apply(Move, R3, R2);
        it.jump_if(AtLeast, R3, R4, busy);
        it.apply(Move, R3, R4);
        it.place(busy);
        it.apply(Add, R3, R1);
        it.load(Double, R5, R8, bucket.depth);
        // A packet that is larger than the bucket passes when the bucket is full.
        it.jump_if(AtLeast, R5, R1, deep);
        it.apply(Move, R5, R1);
        it.place(deep);
        it.apply(Add, R4, R5);
        it.jump_if(Above, R3, R4, lacking);
        it.apply(Move, R0, R2);
        it.compare_exchange(R9, bucket.state, R3);
        it.jump_if(Equal, R0, R2, taken);
    }
    it.load(Double, R1, R10, bucket.cost);
    it.atomic_add(R9, bucket.state, R1);
}

/// Adds the packet to the pair of counters at that offset.
fn count(it: &mut Assembler, offset: i16) {
    it.atomic_add(R9, offset, R7);
    it.atomic_add(R9, offset + 8, R6);
}

/// Paces TCP connections of the group, from before their first packet on, and again at each measured round trip, so that a change of the rate is followed.
/// New ones of a group that receives slowly get a small window.
fn pacer(settings: BorrowedFd<'_>) -> Result<Vec<Instruction>> {
    const CONNECT: i32 = 3;
    const ACTIVE_ESTABLISHED: i32 = 4;
    const PASSIVE_ESTABLISHED: i32 = 5;
    const ROUND_TRIP: i32 = 12;
    const ROUND_TRIP_FLAG: i32 = 1 << 3;
    let mut it = Assembler::default();
    let (subscribe, pace, done) = (it.label(), it.label(), it.label());
    it.apply(Move, R6, R1);
    it.point_into(R8, settings, 0);
    // `op` is the first field of `struct bpf_sock_ops`.
    it.load(Word, R7, R6, 0);
    it.jump_if_value(Equal, R7, CONNECT, pace);
    it.jump_if_value(Equal, R7, ROUND_TRIP, pace);
    it.jump_if_value(Equal, R7, ACTIVE_ESTABLISHED, subscribe);
    it.jump_if_value(Equal, R7, PASSIVE_ESTABLISHED, subscribe);
    it.jump(done);
    it.place(subscribe);
    it.apply(Move, R1, R6);
    it.apply_value(Move, R2, ROUND_TRIP_FLAG);
    it.call(HELPER_SOCK_OPS_CB_FLAGS_SET);
    it.load(Double, R2, R8, SETTINGS_SIZE + 16);
    it.jump_if_value(Equal, R2, 0, pace);
    set_socket_option(&mut it, libc::SO_RCVBUF);
    it.place(pace);
    it.load(Double, R2, R8, 16);
    set_socket_option(&mut it, libc::SO_MAX_PACING_RATE);
    it.place(done);
    it.apply_value(Move, R0, 1);
    it.exit();
    finished(it)
}

/// Sets an option of the socket, whose context is in R6, to the 32 bits in R2. Where the kernel refuses it, the bucket decides alone.
fn set_socket_option(it: &mut Assembler, option: i32) {
    it.store(Word, R10, -4, R2);
    it.apply(Move, R1, R6);
    it.apply_value(Move, R2, libc::SOL_SOCKET);
    it.apply_value(Move, R3, option);
    it.apply(Move, R4, R10);
    it.apply_value(Add, R4, -4);
    it.apply_value(Move, R5, 4);
    it.call(HELPER_SETSOCKOPT);
}

fn finished(assembler: Assembler) -> Result<Vec<Instruction>> {
    assembler.finish().map_err(|at| Failure::new("ERR_BOX_SYSTEM", format!("jump {at} of a program leads nowhere")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_as_deep_as_tcp_needs_and_as_a_large_packet_needs() {
        assert_eq!(depth(100_000_000, EGRESS_DEPTH), EGRESS_DEPTH);
        // 128 KiB take 1.05 seconds at 1 Mbit/s.
        assert_eq!(depth(1_000_000, EGRESS_DEPTH), 1_048_576_000);
        assert_eq!(depth(0, EGRESS_DEPTH), 0);
    }

    #[test]
    fn pacing_stays_below_the_rate_and_within_its_field() {
        assert_eq!(settings_of(Rates { egress: Some(80_000_000), ..Rates::default() })[..5], [80_000_000, EGRESS_DEPTH, 9_800_000, 0, 0]);
        assert_eq!(settings_of(Rates { egress: Some(1 << 50), ..Rates::default() })[2], UNPACED);
        assert_eq!(settings_of(Rates { egress: Some(8), ..Rates::default() })[2], 1);
        assert_eq!(settings_of(Rates::default())[2], UNPACED);
    }

    #[test]
    fn a_slow_receiver_has_a_small_window() {
        let window = |ingress| settings_of(Rates { ingress, ..Rates::default() })[7];
        assert_eq!(window(Some(10_000_000)), 250_000);
        assert_eq!(window(Some(100_000_000)), 0);
        assert_eq!(window(None), 0);
    }

    #[test]
    fn a_bucket_of_packets_holds_at_least_one() {
        assert_eq!(depth_of_packets(1000, EGRESS_DEPTH), EGRESS_DEPTH);
        assert_eq!(depth_of_packets(1, EGRESS_DEPTH), PACKET);
        assert_eq!(depth_of_packets(0, EGRESS_DEPTH), 0);
    }

    #[test]
    fn a_new_bucket_holds_little() {
        let state = first_state(Rates { egress: Some(100_000_000), ..Rates::default() }, 1_000_000_000);
        assert_eq!(state[0], 1_000_000_000 + EGRESS_DEPTH - FIRST);
    }
}
