//! `step-06 filter`: the filter of a configuration, read back from the kernel and disassembled.

use std::path::Path;

use kit::{Error, Result, Tier, term};
use step_06::{bpf, disassemble, seccomp, spec};

/// Prints it, of a bundle or of the configuration that this step writes.
pub(crate) fn show(bundle: Option<&Path>) -> Result<u8> {
    let confinement = match bundle {
        Some(dir) => step_06::load(dir)?.1,
        None => step_06::confinement(&spec::default(Tier::of_self() == Tier::User))?,
    };
    let policy = confinement
        .seccomp
        .ok_or_else(|| Error::refused("config.json", "linux.seccomp", "is absent: no call is filtered"))?;
    let assembled = bpf::assemble(&policy);
    let (program, from) = match seccomp::read_back(&assembled)? {
        Some(read) if read != assembled => {
            return Err(Error::refused(
                "read the filter back",
                "",
                "the kernel holds another than was loaded",
            ));
        }
        Some(read) => {
            (read, "as the kernel holds it, read back by ptrace(2) from a process that is under it")
        }
        None => (
            assembled,
            "as it was loaded: to read it back takes CAP_SYS_ADMIN, and a kernel with CONFIG_CHECKPOINT_RESTORE",
        ),
    };
    term::title(format_args!("a filter of {} instructions", program.len()));
    term::line(from);
    println!();
    disassemble::disassemble(&program).iter().for_each(term::line);
    Ok(0)
}
