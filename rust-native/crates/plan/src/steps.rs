//! The vocabulary: one variant a step.

use std::ffi::CStr;

/// What is to be started, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// Bits of [`crate::flags`].
    pub flags: u32,
    /// `CLONE_NEW…` of the namespaces that are new. All but the time namespace come with the clone.
    pub namespaces: u32,
    /// Namespaces of others, entered before the clone.
    pub joins: Vec<Join>,
    /// The content of uid_map, empty where there is no new user namespace.
    pub uid_map: &'a CStr,
    /// The content of gid_map.
    pub gid_map: &'a CStr,
    /// The programs that write the two maps where the caller may not: newuidmap(1) and newgidmap(1), or none.
    pub mappers: Vec<&'a CStr>,
    /// The content of timens_offsets of a new time namespace (time_namespaces(7)), or empty.
    pub time_offsets: &'a CStr,
    /// The folder of the v2 cgroup that the child is born in, or empty.
    pub cgroup_v2: &'a CStr,
    /// The folders of v1 cgroups that the child places itself in.
    pub cgroup_v1: Vec<&'a CStr>,
    /// Which slot becomes descriptor 0, 1, 2 and so on, or [`crate::TERMINAL`] or [`crate::CLOSED`].
    pub descriptors: Vec<u16>,
    /// How many slots the caller gives; what is prepared comes after them.
    pub given: u16,
    /// What is opened outside, one slot each.
    pub prepare: Vec<Prepare<'a>>,
    /// What the child does, in this order.
    pub enter: Vec<Step<'a>>,
    /// The arguments; the first one is the program. Without any the child ends after its steps.
    pub command: Vec<&'a CStr>,
    /// `NAME=value` each.
    pub environment: Vec<&'a CStr>,
}

impl Plan<'_> {
    /// Whether something is sent before the program runs that somebody waits for: a process in between, or what a step makes.
    pub fn tells_early(&self) -> bool {
        const CLONE_NEWTIME: u32 = 0x80;
        const SECCOMP_FILTER_FLAG_NEW_LISTENER: u32 = 8;
        !self.joins.is_empty()
            || !self.mappers.is_empty()
            || self.namespaces & CLONE_NEWTIME != 0
            || self.enter.iter().any(|step| match step {
                Step::Terminal { .. } | Step::OfferOverlay { .. } | Step::OfferTree { .. } | Step::OfferNamespace(_) => true,
                Step::Seccomp { flags, .. } => flags & SECCOMP_FILTER_FLAG_NEW_LISTENER != 0,
                _ => false,
            })
    }
}

/// A namespace to enter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Join {
    /// `CLONE_NEW…` bits: several where the slot is a pidfd.
    pub kinds: u32,
    /// The descriptor of the namespace, or a pidfd.
    pub slot: u16,
}

/// What is opened with the caller's privilege.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepare<'a> {
    /// A file, folder or mount of the caller's, as a detached mount where that is allowed.
    Source {
        /// Bits of [`crate::mount_options`].
        options: u32,
        /// `MOUNT_ATTR_…` to set.
        attributes: u64,
        /// The slot of the user namespace whose ids the files are shown with, or [`crate::slot::NONE`].
        id_map: u16,
        /// The path in the caller's mount namespace.
        path: &'a CStr,
    },
    /// A clone of the mount that a given slot refers to.
    Tree {
        /// The slot of the mount.
        slot: u16,
        /// Bits of [`crate::mount_options`].
        options: u32,
        /// `MOUNT_ATTR_…` to set.
        attributes: u64,
        /// The slot of the user namespace whose ids the files are shown with, or [`crate::slot::NONE`].
        id_map: u16,
    },
    /// An overlay of folders of the caller's, attached nowhere.
    Overlay {
        /// `MOUNT_ATTR_…` to set.
        attributes: u64,
        /// The folders that are read, the uppermost first.
        lowers: Vec<&'a CStr>,
        /// The folder that is written, or empty.
        upper: &'a CStr,
        /// The folder that overlayfs works in, or empty.
        work: &'a CStr,
    },
    /// A device node of the caller's, checked to have this number.
    Device {
        /// `S_IFCHR` or `S_IFBLK`.
        kind: u32,
        /// The device's numbers.
        major: u32,
        /// The device's numbers.
        minor: u32,
        /// Where the caller has it.
        path: &'a CStr,
    },
}

/// What the child does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// setresgid and setresuid to ids that the new user namespace maps.
    Become {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
    },
    /// sethostname(2).
    Hostname(&'a CStr),
    /// setdomainname(2).
    Domainname(&'a CStr),
    /// Brings the loopback interface up.
    Loopback,
    /// unshare(2) of the cgroup namespace, in the cgroup that is now its root.
    CgroupNamespace,
    /// A file below /proc/sys of a private procfs.
    Sysctl {
        /// With slashes: `net/ipv4/ip_forward`.
        name: &'a CStr,
        /// What is written.
        value: &'a CStr,
    },
    /// setrlimit(2).
    Rlimit {
        /// `RLIMIT_…`.
        resource: u32,
        /// The soft limit.
        soft: u64,
        /// The hard limit.
        hard: u64,
    },
    /// /proc/self/oom_score_adj.
    OomScoreAdj(i32),
    /// Propagation of every mount of the new mount namespace: `MS_PRIVATE` and so on, `MS_REC` included.
    Propagation(u32),
    /// The mount that becomes the root; targets are resolved in it from here on.
    Root {
        /// The slot of the mount.
        slot: u16,
        /// Where it is attached in the caller's mount namespace, or empty.
        source: &'a CStr,
    },
    /// A new file system.
    Mount {
        /// Bits of [`crate::mount_options`].
        options: u32,
        /// `MOUNT_ATTR_…`.
        attributes: u64,
        /// Propagation, or 0.
        propagation: u32,
        /// Its type.
        kind: &'a CStr,
        /// Where.
        target: &'a CStr,
        /// Parameters: a name, and a value that is empty for a flag.
        parameters: Vec<(&'a CStr, &'a CStr)>,
    },
    /// A prepared mount.
    Bind {
        /// Bits of [`crate::mount_options`].
        options: u32,
        /// `MOUNT_ATTR_…` to set where it could not be done before.
        attributes: u64,
        /// Propagation, or 0.
        propagation: u32,
        /// The slot of the source.
        slot: u16,
        /// The source's path, for messages and for [`crate::slot::BY_PATH`].
        source: &'a CStr,
        /// Where.
        target: &'a CStr,
    },
    /// An overlay of folders of the caller's, named as this mount namespace has them until the root is entered.
    Overlay {
        /// `MOUNT_ATTR_…`.
        attributes: u64,
        /// Propagation, or 0.
        propagation: u32,
        /// Where.
        target: &'a CStr,
        /// The folders that are read, the uppermost first.
        lowers: Vec<&'a CStr>,
        /// The folder that is written, or empty.
        upper: &'a CStr,
        /// The folder that overlayfs works in, or empty.
        work: &'a CStr,
    },
    /// Attributes of what is mounted at a path.
    Attributes {
        /// Bits of [`crate::mount_options`].
        options: u32,
        /// `MOUNT_ATTR_…` to set.
        attributes: u64,
        /// Where.
        target: &'a CStr,
    },
    /// mknod(2), or the bind of the caller's node where `slot` is not [`u16::MAX`].
    Device {
        /// `S_IFCHR`, `S_IFBLK` or `S_IFIFO`.
        kind: u32,
        /// Permission bits.
        mode: u32,
        /// The device's numbers.
        major: u32,
        /// The device's numbers.
        minor: u32,
        /// The owner.
        uid: u32,
        /// The group.
        gid: u32,
        /// A prepared node.
        slot: u16,
        /// Where.
        path: &'a CStr,
    },
    /// symlink(2); what is there already is left.
    Link {
        /// What it says.
        value: &'a CStr,
        /// Where.
        path: &'a CStr,
    },
    /// pivot_root(2) to the root, and the old one is detached.
    Pivot,
    /// Makes a path read-only; one that is not there is passed over.
    ReadOnly(&'a CStr),
    /// Hides a path; one that is not there is passed over.
    Mask(&'a CStr),
    /// umask(2).
    Umask(u32),
    /// chdir(2), with the check that the folder is below the root.
    Directory(&'a CStr),
    /// A new terminal: the controlling one, and what descriptors that say [`crate::TERMINAL`] are. Its other side is sent back.
    Terminal {
        /// Whether it is one of the devpts that this plan mounts; else of the one that /dev/ptmx belongs to.
        own: u32,
        /// Its width and height in characters.
        columns: u16,
        /// Its width and height in characters.
        rows: u16,
        /// Who may open it by its path, or [`u32::MAX`]: who has made it.
        owner: u32,
        /// Where it is bound, or empty.
        console: &'a CStr,
    },
    /// Drops from the bounding set what is not in it.
    Bounding(u64),
    /// Groups and user of the program.
    User {
        /// The user.
        uid: u32,
        /// The group.
        gid: u32,
        /// Whether `groups` are set, even if there are none.
        set_groups: u32,
        /// The additional groups.
        groups: Vec<u32>,
    },
    /// The other four sets of capabilities(7).
    Capabilities {
        /// Effective.
        effective: u64,
        /// Permitted.
        permitted: u64,
        /// Inheritable.
        inheritable: u64,
        /// Ambient.
        ambient: u64,
    },
    /// PR_SET_NO_NEW_PRIVS.
    NoNewPrivileges,
    /// seccomp(2) with this filter: instructions of 8 bytes.
    Seccomp {
        /// `SECCOMP_FILTER_FLAG_…`.
        flags: u32,
        /// The program.
        filter: &'a [u8],
    },
    /// Makes an overlay of folders, named as this mount namespace has them, and sends the mount back.
    OfferOverlay {
        /// The folders that are read, the uppermost first.
        lowers: Vec<&'a CStr>,
        /// The folder that is written, or empty.
        upper: &'a CStr,
        /// The folder that overlayfs works in, or empty.
        work: &'a CStr,
        /// Without `upper`: what is written is kept in memory, up to so many bytes. 0: nothing can be written. The file system is sent
        /// back, too, after the overlay.
        memory: u64,
        /// The folder whose mode the root has where what is written is kept in memory.
        like: &'a CStr,
        /// Parameters: a name, and a value that is empty for a flag.
        parameters: Vec<(&'a CStr, &'a CStr)>,
    },
    /// Sends a mount back that shows a folder, named as this mount namespace has it.
    OfferTree {
        /// The folder.
        path: &'a CStr,
        /// `MOUNT_ATTR_…`.
        attributes: u64,
    },
    /// Sends a namespace back, by its name in /proc/self/ns.
    OfferNamespace(&'a CStr),
    /// landlock(7): what is handled is forbidden where no rule allows it.
    Landlock {
        /// Whether what the kernel does not know is left out.
        best_effort: u32,
        /// `LANDLOCK_ACCESS_FS_…`.
        files: u64,
        /// `LANDLOCK_ACCESS_NET_…`.
        network: u64,
        /// `LANDLOCK_SCOPE_…`.
        scopes: u64,
        /// Paths, and what is allowed at and below each.
        paths: Vec<(&'a CStr, u64)>,
        /// TCP ports, and what is allowed with each.
        ports: Vec<(u16, u64)>,
    },
    /// sched_setattr(2).
    Scheduler {
        /// `SCHED_…`.
        policy: u32,
        /// `SCHED_FLAG_…`.
        flags: u64,
        /// From -20 to 19.
        nice: i32,
        /// Of the realtime policies.
        priority: u32,
        /// In nanoseconds, of `SCHED_DEADLINE`.
        runtime: u64,
        /// In nanoseconds, of `SCHED_DEADLINE`.
        deadline: u64,
        /// In nanoseconds, of `SCHED_DEADLINE`.
        period: u64,
    },
    /// ioprio_set(2): class and priority in one number.
    IoPriority(u32),
    /// sched_setaffinity(2).
    Affinity(Vec<u32>),
    /// set_mempolicy(2).
    MemoryPolicy {
        /// `MPOL_…`.
        mode: u32,
        /// The nodes.
        nodes: Vec<u32>,
    },
    /// personality(2).
    Personality(u32),
    /// keyctl(2), KEYCTL_JOIN_SESSION_KEYRING, of a new keyring of that name.
    SessionKeyring(&'a CStr),
}

impl Prepare<'_> {
    /// The step's name in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Source { .. } => "open the mount's source",
            Self::Tree { .. } => "clone the root",
            Self::Overlay { .. } => "make the overlay",
            Self::Device { .. } => "open the device",
        }
    }
}

impl Step<'_> {
    /// The step's name in errors.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Become { .. } => "become root of the user namespace",
            Self::Hostname(_) => "set the host name",
            Self::Domainname(_) => "set the domain name",
            Self::Loopback => "bring loopback up",
            Self::CgroupNamespace => "make the cgroup namespace",
            Self::Sysctl { .. } => "set a sysctl",
            Self::Rlimit { .. } => "set a resource limit",
            Self::OomScoreAdj(_) => "set oom_score_adj",
            Self::Propagation(_) => "set the propagation",
            Self::Root { .. } => "attach the root",
            Self::Mount { .. } | Self::Bind { .. } => "mount",
            Self::Overlay { .. } => "make the overlay",
            Self::Attributes { .. } => "set mount attributes",
            Self::Device { .. } => "make a device",
            Self::Link { .. } => "make a link",
            Self::Pivot => "enter the root",
            Self::ReadOnly(_) => "make a path read-only",
            Self::Mask(_) => "mask a path",
            Self::Umask(_) => "set the umask",
            Self::Directory(_) => "change the directory",
            Self::Terminal { .. } => "take the terminal",
            Self::Bounding(_) => "drop the bounding set",
            Self::User { .. } => "change the user",
            Self::Capabilities { .. } => "set capabilities",
            Self::NoNewPrivileges => "set no_new_privs",
            Self::Seccomp { .. } => "install the system call filter",
            Self::OfferOverlay { .. } => "mount the overlay",
            Self::OfferTree { .. } => "mount the tree",
            Self::OfferNamespace(_) => "open the namespace",
            Self::Landlock { .. } => "restrict by landlock",
            Self::Scheduler { .. } => "set the scheduler",
            Self::IoPriority(_) => "set the I/O priority",
            Self::Affinity(_) => "set the CPU affinity",
            Self::MemoryPolicy { .. } => "set the memory policy",
            Self::Personality(_) => "set the personality",
            Self::SessionKeyring(_) => "make the session keyring",
        }
    }
}
