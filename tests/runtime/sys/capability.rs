//! Capabilities, read back from where the kernel tells them in another way.

use std::fs;

use docker_dive::error::Kind;
use docker_dive::sys::capability::{
    Capability, Set, Sets, ambient, bounding, clear_ambient, drop_bounding, raise_ambient, securebits,
    set_securebits,
};
use docker_dive::sys::clone::Clone;
use nix::errno::Errno;
use nix::unistd::chroot;

use super::{in_child, said};
use crate::kit::{Case, Lab, Need, Outcome, case};

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("sys capability: what is dropped is gone, and stays so", &[Need::Root], dropped),
        case(
            "sys capability: the ambient set reaches a program, and only what is permitted enters it",
            &[Need::Root],
            kept,
        ),
        case("sys capability: securebits are set and read back", &[Need::Root], secure),
    ]
}

/// A field of /proc/self/status.
fn told(field: &str) -> Set {
    field_of(&fs::read_to_string("/proc/self/status").expect("status"), field)
}

fn field_of(status: &str, field: &str) -> Set {
    let value = status.lines().find_map(|line| line.strip_prefix(field)).expect(field);
    Set::from_bits(u64::from_str_radix(value.trim(), 16).expect("hexadecimal"))
}

/// The same field of a program that we execute.
fn told_by_program(field: &str) -> Result<Set, String> {
    let output = std::process::Command::new("cat").arg("/proc/self/status").output().map_err(said)?;
    Ok(field_of(&String::from_utf8_lossy(&output.stdout), field))
}

fn set(names: &[&str]) -> Set {
    names.iter().map(|name| name.parse::<Capability>().expect("known")).collect()
}

fn dropped(_: &Lab) -> Outcome {
    in_child(&Clone::default(), || {
        let keep = set(&["CAP_CHOWN", "CAP_SETPCAP", "CAP_CHECKPOINT_RESTORE"]);
        // The planted fault is what was before: the same questions have other answers.
        assert!(told("CapBnd:") != keep && told("CapEff:") != keep);
        chroot("/").map_err(said)?;

        drop_bounding(keep).map_err(said)?;
        assert_eq!((told("CapBnd:"), bounding().map_err(said)?), (keep, keep));
        Sets { effective: keep, permitted: keep, inheritable: Set::default() }.apply().map_err(said)?;
        assert_eq!((told("CapEff:"), told("CapPrm:"), told("CapInh:")), (keep, keep, Set::default()));
        assert_eq!(chroot("/"), Err(Errno::EPERM));
        assert_eq!(told_by_program("CapEff:")?, keep, "root's program gets what the bounding set leaves");

        let more = Sets { permitted: set(&["CAP_SYS_ADMIN"]), ..Sets::default() };
        let error = more.apply().expect_err("given up");
        assert_eq!(error.kind(), Kind::Denied);
        assert!(
            error.to_string().starts_with("capset(2) \"permitted CAP_SYS_ADMIN, inheritable \": EPERM"),
            "{error}"
        );
        Ok(())
    })
}

fn kept(_: &Lab) -> Outcome {
    in_child(&Clone::default(), || {
        let (one, permitted) =
            (set(&["CAP_NET_BIND_SERVICE"]), set(&["CAP_NET_BIND_SERVICE", "CAP_SETPCAP"]));
        let raise = || raise_ambient("CAP_NET_BIND_SERVICE".parse()?);
        // SECBIT_NOROOT: being root gives a program nothing, so what it has is the ambient set.
        set_securebits(1).map_err(said)?;
        Sets { effective: permitted, permitted, inheritable: Set::default() }.apply().map_err(said)?;
        let error = raise().expect_err("not inheritable");
        let expected =
            "prctl(2) PR_CAP_AMBIENT_RAISE \"CAP_NET_BIND_SERVICE\": EPERM: Operation not permitted";
        assert_eq!(error.to_string(), expected);
        assert_eq!(told_by_program("CapEff:")?, Set::default());

        Sets { effective: permitted, permitted, inheritable: one }.apply().map_err(said)?;
        raise().map_err(said)?;
        assert_eq!((told("CapAmb:"), ambient().map_err(said)?), (one, one));
        assert_eq!(told_by_program("CapEff:")?, one);
        clear_ambient().map_err(said)?;
        assert_eq!((told("CapAmb:"), told_by_program("CapEff:")?), (Set::default(), Set::default()));
        Ok(())
    })
}

fn secure(_: &Lab) -> Outcome {
    in_child(&Clone::default(), || {
        // SECBIT_NO_SETUID_FIXUP and its lock.
        set_securebits(0b1100).map_err(said)?;
        assert_eq!(securebits().map_err(said)?, 0b1100);
        let error = set_securebits(0).expect_err("locked");
        assert_eq!(error.kind(), Kind::Denied, "{error}");
        Ok(())
    })
}
