//! Containers as the specification knows them: made from a bundle, started, signalled, deleted.
//!
//! What is done stands in `state.json` before it is done. `parent` makes `init`, which builds the container around itself;
//! what they say to each other stands above `protocol::Step`. Nothing here prints: what is worth a warning goes to the
//! caller's [`Warn`].
//!
//! - [`bundle`]: a directory with a configuration, read and found valid
//! - [`store`]: what is known about containers, on disk
//! - [`create`]: the parent; `init`: the child; `protocol`: what they say
//! - `mounts`, `device`, `cgroup`, `namespace`, `ids`, `sysctl`, `seccomp`, `console`: what a container consists of
//! - `process`: from a process of ours to the container's
//! - [`start`], [`exec`], [`kill`], [`delete`], [`run`]: the life that follows
//! - `unsupported`: what is refused, because it cannot be had yet; `rootless`: what is not applied to who is not root

mod alive;
mod cgroup;
mod console;
mod device;
mod foreground;
mod hook;
mod ids;
mod init;
mod mounts;
mod namespace;
mod option;
mod pause;
mod process;
mod protocol;
mod rootless;
mod sysctl;
mod unsupported;

pub mod bundle;
pub mod create;
pub mod delete;
pub mod exec;
pub mod kill;
pub mod run;
pub mod seccomp;
pub mod start;
pub mod store;
pub mod time;

/// Where warnings go.
pub type Warn<'a> = &'a dyn Fn(&str);
