//! Writes a plan, for the core's own helpers; the other half of `decode`.

use std::ffi::CStr;

use crate::MAGIC;
use crate::steps::{Plan, Prepare, Step};

/// The plan as bytes.
pub fn encode(plan: &Plan<'_>) -> Vec<u8> {
    let mut out = Writer(MAGIC.to_vec());
    out.u32(plan.flags);
    out.u32(plan.namespaces);
    out.list(&plan.joins, |out, join| {
        out.u32(join.kinds);
        out.u16(join.slot);
    });
    out.string(plan.uid_map);
    out.string(plan.gid_map);
    out.list(&plan.mappers, |out, path| out.string(path));
    out.string(plan.time_offsets);
    out.string(plan.cgroup_v2);
    out.list(&plan.cgroup_v1, |out, path| out.string(path));
    out.list(&plan.descriptors, |out, slot| {
        out.u16(*slot);
    });
    out.u16(plan.given);
    out.list(&plan.prepare, prepare);
    out.list(&plan.enter, step);
    out.list(&plan.command, |out, argument| out.string(argument));
    out.list(&plan.environment, |out, entry| out.string(entry));
    out.0
}

fn prepare(out: &mut Writer, one: &Prepare<'_>) {
    match *one {
        Prepare::Source { options, attributes, id_map, path } => out.u8(1).u32(options).u64(attributes).u16(id_map).string(path),
        Prepare::Tree { slot, options, attributes, id_map } => {
            out.u8(2).u16(slot).u32(options).u64(attributes).u16(id_map);
        }
        Prepare::Overlay { attributes, ref lowers, upper, work } => {
            out.u8(4).u64(attributes).list(lowers, |out, path| out.string(path));
            out.string(upper);
            out.string(work);
        }
        Prepare::Device { kind, major, minor, path } => out.u8(3).u32(kind).u32(major).u32(minor).string(path),
    }
}

fn step(out: &mut Writer, one: &Step<'_>) {
    match *one {
        Step::Become { uid, gid } => {
            out.u8(1).u32(uid).u32(gid);
        }
        Step::Hostname(name) => out.u8(2).string(name),
        Step::Domainname(name) => out.u8(3).string(name),
        Step::Loopback => {
            out.u8(4);
        }
        Step::CgroupNamespace => {
            out.u8(5);
        }
        Step::Sysctl { name, value } => {
            out.u8(6).string(name);
            out.string(value);
        }
        Step::Rlimit { resource, soft, hard } => {
            out.u8(7).u32(resource).u64(soft).u64(hard);
        }
        Step::OomScoreAdj(value) => {
            out.u8(8).u32(value.cast_unsigned());
        }
        Step::Propagation(flags) => {
            out.u8(9).u32(flags);
        }
        Step::Root { slot, source } => out.u8(10).u16(slot).string(source),
        Step::Mount { options, attributes, propagation, kind, target, ref parameters } => {
            out.u8(11).u32(options).u64(attributes).u32(propagation).string(kind);
            out.string(target);
            out.pairs(parameters);
        }
        Step::Bind { options, attributes, propagation, slot, source, target } => {
            out.u8(12).u32(options).u64(attributes).u32(propagation).u16(slot).string(source);
            out.string(target);
        }
        Step::Attributes { options, attributes, target } => out.u8(13).u32(options).u64(attributes).string(target),
        Step::Device { kind, mode, major, minor, uid, gid, slot, path } => {
            out.u8(14).u32(kind).u32(mode).u32(major).u32(minor).u32(uid).u32(gid).u16(slot).string(path);
        }
        Step::Link { value, path } => {
            out.u8(15).string(value);
            out.string(path);
        }
        Step::Pivot => {
            out.u8(16);
        }
        Step::ReadOnly(path) => out.u8(17).string(path),
        Step::Mask(path) => out.u8(18).string(path),
        Step::Umask(mask) => {
            out.u8(19).u32(mask);
        }
        Step::Directory(path) => out.u8(20).string(path),
        Step::Terminal { own, columns, rows, owner, console } => {
            out.u8(21).u32(own).u16(columns).u16(rows).u32(owner).string(console);
        }
        Step::Bounding(keep) => {
            out.u8(22).u64(keep);
        }
        Step::User { uid, gid, set_groups, ref groups } => {
            out.u8(23).u32(uid).u32(gid).u32(set_groups);
            out.numbers(groups);
        }
        Step::Capabilities { effective, permitted, inheritable, ambient } => {
            out.u8(24).u64(effective).u64(permitted).u64(inheritable).u64(ambient);
        }
        Step::NoNewPrivileges => {
            out.u8(25);
        }
        Step::Seccomp { flags, filter } => out.u8(26).u32(flags).block(filter),
        Step::OfferOverlay { ref lowers, upper, work, memory, like, ref parameters } => {
            out.u8(27).list(lowers, |out, path| out.string(path));
            out.string(upper);
            out.string(work);
            out.u64(memory);
            out.string(like);
            out.pairs(parameters);
        }
        Step::OfferTree { path, attributes } => out.u8(36).u64(attributes).string(path),
        Step::OfferNamespace(name) => out.u8(28).string(name),
        Step::Landlock { best_effort, files, network, scopes, ref paths, ref ports } => {
            out.u8(29).u32(best_effort).u64(files).u64(network).u64(scopes);
            out.list(paths, |out, (path, rights)| {
                out.string(path);
                out.u64(*rights);
            });
            out.list(ports, |out, (port, rights)| {
                out.u16(*port).u64(*rights);
            });
        }
        Step::Scheduler { policy, flags, nice, priority, runtime, deadline, period } => {
            out.u8(30).u32(policy).u64(flags).u32(nice.cast_unsigned()).u32(priority).u64(runtime).u64(deadline).u64(period);
        }
        Step::IoPriority(value) => {
            out.u8(31).u32(value);
        }
        Step::Affinity(ref processors) => out.u8(32).numbers(processors),
        Step::MemoryPolicy { mode, ref nodes } => out.u8(33).u32(mode).numbers(nodes),
        Step::Personality(value) => {
            out.u8(34).u32(value);
        }
        Step::SessionKeyring(name) => out.u8(35).string(name),
        Step::Overlay { attributes, propagation, target, ref lowers, upper, work } => {
            out.u8(37).u64(attributes).u32(propagation).string(target);
            out.list(lowers, |out, path| out.string(path));
            out.string(upper);
            out.string(work);
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn u8(&mut self, value: u8) -> &mut Self {
        self.0.push(value);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn length(&mut self, length: usize) {
        // Longer than 4 GiB is not a plan; the reader refuses what is cut.
        self.u32(u32::try_from(length).unwrap_or(u32::MAX));
    }

    fn string(&mut self, text: &CStr) {
        self.length(text.to_bytes().len());
        self.0.extend_from_slice(text.to_bytes_with_nul());
    }

    fn block(&mut self, bytes: &[u8]) {
        self.length(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn list<T>(&mut self, items: &[T], write: impl Fn(&mut Self, &T)) {
        self.u16(u16::try_from(items.len()).unwrap_or(u16::MAX));
        for item in items {
            write(self, item);
        }
    }

    fn numbers(&mut self, numbers: &[u32]) {
        self.list(numbers, |out, number| {
            out.u32(*number);
        });
    }

    fn pairs(&mut self, pairs: &[(&CStr, &CStr)]) {
        self.list(pairs, |out, (name, value)| {
            out.string(name);
            out.string(value);
        });
    }
}
