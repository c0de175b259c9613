//! Kernel parameters of the container's own namespaces.
//!
//! They are written through the host's /proc/sys before the root is pivoted: it shows each process the parameters of its own
//! namespaces, and no image has put its hand there. Which names are nobody's but the container's was verified before
//! (`oci::validate`).

use std::collections::BTreeMap;
use std::fs;

use nix::unistd::sethostname;

use crate::error::{Doing, Result};
use crate::oci::Spec;

/// The names of the host and of its domain.
pub(super) fn names(spec: &Spec) -> Result<()> {
    if let Some(name) = spec.hostname.as_deref().filter(|name| !name.is_empty()) {
        sethostname(name).doing("sethostname(2)", name)?;
    }
    if let Some(name) = spec.domainname.as_deref().filter(|name| !name.is_empty()) {
        write("kernel.domainname", name)?;
    }
    Ok(())
}

/// All others.
pub(super) fn write_all(parameters: &BTreeMap<String, String>) -> Result<()> {
    parameters.iter().try_for_each(|(name, value)| write(name, value))
}

fn write(name: &str, value: &str) -> Result<()> {
    let path = format!("/proc/sys/{}", path_of(name));
    fs::write(&path, value).doing(format_args!("write {value:?} to"), path)
}

/// Dots separate, and a slash stands for a dot in a name; or the other way round, if a slash comes first (sysctl(8)).
fn path_of(name: &str) -> String {
    let dots = name.find(['.', '/']).is_none_or(|at| name.as_bytes()[at] == b'.');
    let swap = |c| match c {
        '.' if dots => '/',
        '/' if dots => '.',
        c => c,
    };
    name.chars().map(swap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path_in_either_spelling() {
        assert_eq!(path_of("net.ipv4.ip_forward"), "net/ipv4/ip_forward");
        assert_eq!(path_of("net/ipv4/conf/eth0.1/forwarding"), "net/ipv4/conf/eth0.1/forwarding");
        assert_eq!(path_of("net.ipv4.conf.eth0/1.forwarding"), "net/ipv4/conf/eth0.1/forwarding");
    }
}
