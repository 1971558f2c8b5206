//! Which devices a group of the v2 hierarchy may use.

use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use box_kernel::bpf::devices::{DeviceFilter as Filter, MAKE, READ, Rule, Type, WRITE};
use box_kernel::{Failure, Result, SyscallContext};
use napi::Env;
use napi_derive::napi;
use rustix::fs::{Mode, OFlags};

use crate::error::OrThrow;
use crate::mounts::whole;

/// What is allowed or denied; what is absent fits everything.
#[napi(object)]
pub struct DeviceFilterRule {
    /// Otherwise it is denied.
    pub allow: bool,
    /// `b` or `c`.
    pub kind: Option<String>,
    /// The device's major number.
    pub major: Option<f64>,
    /// The device's minor number.
    pub minor: Option<f64>,
    /// Some of the letters of `rwm`.
    pub access: String,
}

/// A BPF program that decides on the devices of one group. It stays attached until the group is removed.
#[napi]
pub struct DeviceFilter {
    inner: Mutex<Option<Filter>>,
}

#[napi]
impl DeviceFilter {
    /// Loads the program. Needs CAP_BPF.
    #[napi(factory, catch_unwind)]
    pub fn load(env: &Env, rules: Vec<DeviceFilterRule>) -> napi::Result<Self> {
        let filter = loaded(&rules).or_throw(env)?;
        Ok(Self { inner: Mutex::new(Some(filter)) })
    }

    /// The one that the group in that folder has already, whoever made it. Needs CAP_SYS_ADMIN.
    #[napi(catch_unwind)]
    pub fn open(env: &Env, folder: String) -> napi::Result<Option<DeviceFilter>> {
        let found = open(&folder).and_then(|group| Filter::attached(group.as_fd()).map_err(|it| it.at(&folder))).or_throw(env)?;
        Ok(found.map(|filter| Self { inner: Mutex::new(Some(filter)) }))
    }

    /// Holds for the group of the v2 hierarchy in that folder.
    #[napi(catch_unwind)]
    pub fn attach(&self, env: &Env, folder: String) -> napi::Result<()> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        attached(inner.as_ref(), &folder).or_throw(env)
    }

    /// Other rules for the same group, at once.
    #[napi(catch_unwind)]
    pub fn replace(&self, env: &Env, folder: String, rules: Vec<DeviceFilterRule>) -> napi::Result<()> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let filter = replaced(inner.as_ref(), &folder, &rules).or_throw(env)?;
        *inner = Some(filter);
        Ok(())
    }

    /// Closes the descriptor. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

fn attached(filter: Option<&Filter>, folder: &str) -> Result<()> {
    let group = open(folder)?;
    opened(filter)?.attach(group.as_fd()).map_err(|it| it.at(folder))
}

fn replaced(filter: Option<&Filter>, folder: &str, rules: &[DeviceFilterRule]) -> Result<Filter> {
    let group = open(folder)?;
    let other = loaded(rules)?;
    other.replace(opened(filter)?, group.as_fd()).map_err(|it| it.at(folder))?;
    Ok(other)
}

fn loaded(rules: &[DeviceFilterRule]) -> Result<Filter> {
    Filter::load(&rules.iter().map(rule_of).collect::<Result<Vec<_>>>()?)
}

fn opened(filter: Option<&Filter>) -> Result<&Filter> {
    filter.ok_or_else(|| Failure::new("ERR_BOX_STATE", "the filter is closed"))
}

pub fn open(folder: &str) -> Result<std::os::fd::OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::open(folder, flags, Mode::empty()).syscall("open").map_err(|it| it.at(folder))
}

fn rule_of(rule: &DeviceFilterRule) -> Result<Rule> {
    let invalid = |what: &str| Failure::new("ERR_BOX_INVALID_ARGUMENT", format!("a rule of devices cannot have the {what}"));
    let kind = match rule.kind.as_deref() {
        None => None,
        Some("b") => Some(Type::Block),
        Some("c") => Some(Type::Character),
        Some(other) => return Err(invalid(&format!("type {other}"))),
    };
    let number = |value: Option<f64>| -> Result<Option<u32>> {
        value.map(|it| whole(it).and_then(|it| u32::try_from(it).map_err(|_| invalid(&format!("number {it}"))))).transpose()
    };
    let access = rule.access.chars().try_fold(0, |bits, letter| match letter {
        'm' => Ok(bits | MAKE),
        'r' => Ok(bits | READ),
        'w' => Ok(bits | WRITE),
        other => Err(invalid(&format!("access {other}"))),
    })?;
    Ok(Rule { allow: rule.allow, kind, major: number(rule.major)?, minor: number(rule.minor)?, access })
}
