//! The terminal of a container: made inside, and its other end sent to whoever shows it.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Uid, dup2_stderr, dup2_stdin, dup2_stdout, fchown};

use crate::error::{Doing, Result};
use crate::oci::process::Process;
use crate::sys::mount::{Extent, Tree};
use crate::sys::packet::send_descriptor;
use crate::sys::path::Root;
use crate::sys::terminal::{self, Terminal};

/// Connects to the socket on which an engine waits for the terminal.
pub(super) fn connect(path: &Path) -> Result<OwnedFd> {
    Ok(UnixStream::connect(path).doing("connect(2) to the console socket", path)?.into())
}

/// Makes a terminal of the container's own devpts this process's controlling one, its standard input and output, and
/// /dev/console; and sends the other end.
pub(super) fn own_terminal(root: &Root, process: &Process, socket: &OwnedFd) -> Result<()> {
    let terminal = Terminal::open(root)?;
    adopt(&terminal, process, socket)?;
    let onto = root.make_file(Path::new("/dev/console"), Mode::from_bits_truncate(0o620))?;
    Tree::copy_of(terminal.slave.as_fd(), Extent::One)?.attach(onto.as_fd())
}

/// The same without /dev/console, which belongs to the first process.
pub(super) fn adopt(terminal: &Terminal, process: &Process, socket: &OwnedFd) -> Result<()> {
    if let Some(size) = process.console_size.filter(|size| (size.height, size.width) != (0, 0)) {
        terminal::set_size(terminal.master.as_fd(), size.height, size.width)?;
    }
    let slave = terminal.slave.as_fd();
    fchown(slave, Some(Uid::from_raw(process.user.uid)), None).doing("fchown(2)", slave)?;
    fchmod(slave, Mode::from_bits_truncate(0o620)).doing("fchmod(2)", slave)?;
    send_descriptor(socket.as_fd(), b"/dev/console", terminal.master.as_fd())?;
    terminal::control(slave)?;
    dup2_stdin(slave).doing("dup2(2)", "standard input")?;
    dup2_stdout(slave).doing("dup2(2)", "standard output")?;
    dup2_stderr(slave).doing("dup2(2)", "standard error")
}
