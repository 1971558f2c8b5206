//! Limits of bandwidth for a group.

use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};

use box_kernel::bpf::bandwidth::{Bandwidth, Rates};
use box_kernel::{Failure, Result};
use napi::Env;
use napi_derive::napi;

use crate::devices::open;
use crate::error::OrThrow;
use crate::mounts::whole;

/// Bits and packets a second each way. Without a value nothing is limited, but counted.
#[napi(object)]
pub struct BandwidthRates {
    /// The bits that the group sends.
    pub egress: Option<f64>,
    /// The bits that it receives.
    pub ingress: Option<f64>,
    /// The packets that it sends.
    pub egress_packets: Option<f64>,
    /// The packets that it receives.
    pub ingress_packets: Option<f64>,
}

/// What went through, in IP packets and their bytes.
#[napi(object)]
pub struct BandwidthCounters {
    /// Bytes that the group sent.
    pub sent: f64,
    /// Packets that it sent.
    pub sent_packets: f64,
    /// Bytes that it was not let send.
    pub sent_dropped: f64,
    /// Packets that it was not let send.
    pub sent_dropped_packets: f64,
    /// Bytes that it received.
    pub received: f64,
    /// Packets that it received.
    pub received_packets: f64,
    /// Bytes that were dropped before it could receive them.
    pub received_dropped: f64,
    /// Packets that were dropped before it could receive them.
    pub received_dropped_packets: f64,
}

/// BPF programs that limit the bandwidth of one group. What is attached stays attached until the group is removed.
#[napi]
pub struct BandwidthLimiter {
    inner: Mutex<Option<Bandwidth>>,
}

#[napi]
impl BandwidthLimiter {
    /// Loads the programs. Needs CAP_BPF and CAP_NET_ADMIN.
    #[napi(factory, catch_unwind)]
    pub fn load(env: &Env, rates: BandwidthRates) -> napi::Result<Self> {
        let bandwidth = rates_of(&rates).and_then(Bandwidth::load).or_throw(env)?;
        Ok(Self { inner: Mutex::new(Some(bandwidth)) })
    }

    /// Limits the group of the v2 hierarchy in that folder.
    #[napi(catch_unwind)]
    pub fn attach(&self, env: &Env, folder: String) -> napi::Result<()> {
        self.with(|bandwidth| bandwidth.attach(open(&folder)?.as_fd()).map_err(|it| it.at(&folder))).or_throw(env)
    }

    /// Those that limit the group in that folder already, whoever attached them. Needs CAP_SYS_ADMIN.
    #[napi(catch_unwind)]
    pub fn open(env: &Env, folder: String) -> napi::Result<Option<BandwidthLimiter>> {
        let found = open(&folder).and_then(|group| Bandwidth::attached(group.as_fd()).map_err(|it| it.at(&folder))).or_throw(env)?;
        Ok(found.map(|bandwidth| Self { inner: Mutex::new(Some(bandwidth)) }))
    }

    /// The rates that hold now.
    #[napi(catch_unwind)]
    pub fn rates(&self, env: &Env) -> napi::Result<BandwidthRates> {
        let rates = self.with(Bandwidth::rates).or_throw(env)?;
        let number = |rate: Option<u64>| rate.map(exact);
        Ok(BandwidthRates {
            egress: number(rates.egress),
            ingress: number(rates.ingress),
            egress_packets: number(rates.egress_packets),
            ingress_packets: number(rates.ingress_packets),
        })
    }

    /// Changes the rates.
    #[napi(catch_unwind)]
    pub fn set(&self, env: &Env, rates: BandwidthRates) -> napi::Result<()> {
        self.with(|bandwidth| bandwidth.set(rates_of(&rates)?)).or_throw(env)
    }

    /// What went through since the programs were loaded.
    #[napi(catch_unwind)]
    pub fn counters(&self, env: &Env) -> napi::Result<BandwidthCounters> {
        let [sent, received] = self.with(Bandwidth::counters).or_throw(env)?;
        Ok(BandwidthCounters {
            sent: exact(sent.passed_bytes),
            sent_packets: exact(sent.passed_packets),
            sent_dropped: exact(sent.dropped_bytes),
            sent_dropped_packets: exact(sent.dropped_packets),
            received: exact(received.passed_bytes),
            received_packets: exact(received.passed_packets),
            received_dropped: exact(received.dropped_bytes),
            received_dropped_packets: exact(received.dropped_packets),
        })
    }

    /// Closes the descriptors. A second call does nothing.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn with<T>(&self, work: impl FnOnce(&Bandwidth) -> Result<T>) -> Result<T> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.as_ref().ok_or_else(|| Failure::new("ERR_BOX_STATE", "the limiter is closed")).and_then(work)
    }
}

/// A number of JavaScript is exact to 9 petabytes.
#[allow(clippy::cast_precision_loss)]
fn exact(value: u64) -> f64 {
    value as f64
}

fn rates_of(rates: &BandwidthRates) -> Result<Rates> {
    Ok(Rates {
        egress: rates.egress.map(whole).transpose()?,
        ingress: rates.ingress.map(whole).transpose()?,
        egress_packets: rates.egress_packets.map(whole).transpose()?,
        ingress_packets: rates.ingress_packets.map(whole).transpose()?,
    })
}
