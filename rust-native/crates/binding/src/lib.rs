//! The Node-API binding of the core. Conversions only: one file an area, `error` and `background` for all of them.

mod alarms;
mod archive;
mod background;
mod bpf;
mod cgroup;
mod devices;
mod error;
mod launch;
mod locks;
mod mounts;
mod namespaces;
mod notify;
mod root;
mod terminal;
mod user_namespace;
mod within;
