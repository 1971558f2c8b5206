//! Reads a plan. `encode` writes one; in TypeScript that is `packages/namespaces/src/plan/encode.ts`; `vectors/` holds what both must agree on.

use crate::MAGIC;
use crate::reader::{Malformed, Reader};
use crate::steps::{Join, Plan, Prepare, Step};

/// Reads a plan. Strings are borrowed from the bytes.
pub fn decode(bytes: &[u8]) -> Result<Plan<'_>, Malformed> {
    let mut reader = Reader::new(bytes);
    if reader.take(MAGIC.len())? != MAGIC {
        return Err(Malformed);
    }
    let plan = Plan {
        flags: reader.u32()?,
        namespaces: reader.u32()?,
        joins: reader.list(|reader| Ok(Join { kinds: reader.u32()?, slot: reader.u16()? }))?,
        uid_map: reader.string()?,
        gid_map: reader.string()?,
        mappers: reader.list(Reader::string)?,
        time_offsets: reader.string()?,
        cgroup_v2: reader.string()?,
        cgroup_v1: reader.list(Reader::string)?,
        descriptors: reader.list(Reader::u16)?,
        given: reader.u16()?,
        prepare: reader.list(prepare)?,
        enter: reader.list(step)?,
        command: reader.list(Reader::string)?,
        environment: reader.list(Reader::string)?,
    };
    reader.finish()?;
    Ok(plan)
}

fn prepare<'a>(reader: &mut Reader<'a>) -> Result<Prepare<'a>, Malformed> {
    Ok(match reader.u8()? {
        1 => Prepare::Source { options: reader.u32()?, attributes: reader.u64()?, id_map: reader.u16()?, path: reader.string()? },
        2 => Prepare::Tree { slot: reader.u16()?, options: reader.u32()?, attributes: reader.u64()?, id_map: reader.u16()? },
        4 => Prepare::Overlay {
            attributes: reader.u64()?,
            lowers: reader.list(Reader::string)?,
            upper: reader.string()?,
            work: reader.string()?,
        },
        3 => Prepare::Device { kind: reader.u32()?, major: reader.u32()?, minor: reader.u32()?, path: reader.string()? },
        _ => return Err(Malformed),
    })
}

fn step<'a>(reader: &mut Reader<'a>) -> Result<Step<'a>, Malformed> {
    Ok(match reader.u8()? {
        1 => Step::Become { uid: reader.u32()?, gid: reader.u32()? },
        2 => Step::Hostname(reader.string()?),
        3 => Step::Domainname(reader.string()?),
        4 => Step::Loopback,
        5 => Step::CgroupNamespace,
        6 => Step::Sysctl { name: reader.string()?, value: reader.string()? },
        7 => Step::Rlimit { resource: reader.u32()?, soft: reader.u64()?, hard: reader.u64()? },
        8 => Step::OomScoreAdj(reader.i32()?),
        9 => Step::Propagation(reader.u32()?),
        10 => Step::Root { slot: reader.u16()?, source: reader.string()? },
        11 => Step::Mount {
            options: reader.u32()?,
            attributes: reader.u64()?,
            propagation: reader.u32()?,
            kind: reader.string()?,
            target: reader.string()?,
            parameters: reader.list(|reader| Ok((reader.string()?, reader.string()?)))?,
        },
        12 => Step::Bind {
            options: reader.u32()?,
            attributes: reader.u64()?,
            propagation: reader.u32()?,
            slot: reader.u16()?,
            source: reader.string()?,
            target: reader.string()?,
        },
        13 => Step::Attributes { options: reader.u32()?, attributes: reader.u64()?, target: reader.string()? },
        14 => Step::Device {
            kind: reader.u32()?,
            mode: reader.u32()?,
            major: reader.u32()?,
            minor: reader.u32()?,
            uid: reader.u32()?,
            gid: reader.u32()?,
            slot: reader.u16()?,
            path: reader.string()?,
        },
        15 => Step::Link { value: reader.string()?, path: reader.string()? },
        16 => Step::Pivot,
        17 => Step::ReadOnly(reader.string()?),
        18 => Step::Mask(reader.string()?),
        19 => Step::Umask(reader.u32()?),
        20 => Step::Directory(reader.string()?),
        21 => Step::Terminal {
            own: reader.u32()?,
            columns: reader.u16()?,
            rows: reader.u16()?,
            owner: reader.u32()?,
            console: reader.string()?,
        },
        22 => Step::Bounding(reader.u64()?),
        23 => Step::User { uid: reader.u32()?, gid: reader.u32()?, set_groups: reader.u32()?, groups: reader.list(Reader::u32)? },
        24 => Step::Capabilities { effective: reader.u64()?, permitted: reader.u64()?, inheritable: reader.u64()?, ambient: reader.u64()? },
        25 => Step::NoNewPrivileges,
        26 => Step::Seccomp { flags: reader.u32()?, filter: reader.bytes()? },
        27 => Step::OfferOverlay {
            lowers: reader.list(Reader::string)?,
            upper: reader.string()?,
            work: reader.string()?,
            memory: reader.u64()?,
            like: reader.string()?,
            parameters: reader.list(|reader| Ok((reader.string()?, reader.string()?)))?,
        },
        28 => Step::OfferNamespace(reader.string()?),
        29 => Step::Landlock {
            best_effort: reader.u32()?,
            files: reader.u64()?,
            network: reader.u64()?,
            scopes: reader.u64()?,
            paths: reader.list(|reader| Ok((reader.string()?, reader.u64()?)))?,
            ports: reader.list(|reader| Ok((reader.u16()?, reader.u64()?)))?,
        },
        30 => Step::Scheduler {
            policy: reader.u32()?,
            flags: reader.u64()?,
            nice: reader.i32()?,
            priority: reader.u32()?,
            runtime: reader.u64()?,
            deadline: reader.u64()?,
            period: reader.u64()?,
        },
        31 => Step::IoPriority(reader.u32()?),
        32 => Step::Affinity(reader.list(Reader::u32)?),
        33 => Step::MemoryPolicy { mode: reader.u32()?, nodes: reader.list(Reader::u32)? },
        34 => Step::Personality(reader.u32()?),
        35 => Step::SessionKeyring(reader.string()?),
        36 => Step::OfferTree { attributes: reader.u64()?, path: reader.string()? },
        37 => Step::Overlay {
            attributes: reader.u64()?,
            propagation: reader.u32()?,
            target: reader.string()?,
            lowers: reader.list(Reader::string)?,
            upper: reader.string()?,
            work: reader.string()?,
        },
        _ => return Err(Malformed),
    })
}
