//! What the attacks are aimed at. Everything here is the lab's own, so that an attack which gets through has
//! reached nothing of anybody's.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use guest::attack::SENTINEL;
use kit::{Doing, Error, Result};
use nix::sys::stat::{major, minor};

use super::Lab;

/// A process that does nothing; it ends with this value.
#[derive(Debug)]
pub struct Victim(Child);

impl Victim {
    /// Its pid.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Whether somebody has ended it. One who was just signalled takes a moment to end: if that is `expected`, it gets
    /// the moment.
    pub fn ended(&mut self, expected: bool) -> Result<bool> {
        const MOMENT: Duration = Duration::from_secs(5);
        let begun = Instant::now();
        loop {
            let ended = self.0.try_wait().doing("waitpid(2)", "the victim")?.is_some();
            if ended || !expected || begun.elapsed() > MOMENT {
                return Ok(ended);
            }
            sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A disk: a file behind a loop device, with a file system that holds a sentinel.
#[derive(Debug)]
pub struct Disk {
    device: PathBuf,
}

impl Disk {
    /// `MAJOR:MINOR`
    pub fn number(&self) -> Result<String> {
        let device = fs::metadata(&self.device).doing("stat(2)", &self.device)?.rdev();
        Ok(format!("{}:{}", major(device), minor(device)))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("losetup").arg("--detach").arg(&self.device).status();
    }
}

impl Lab {
    /// A file on the host.
    pub fn sentinel(&self) -> Result<PathBuf> {
        let path = self.dir().join("sentinel");
        fs::write(&path, SENTINEL).doing("write", &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).doing("chmod(2)", &path)?;
        Ok(path)
    }

    /// A process on the host, made by the given command with two words more: `sleep`, and for how long.
    pub fn victim(&self, mut with: Command) -> Result<Victim> {
        // Should the lab be killed, the victim ends by itself.
        with.args(["sleep", "600"]).stdin(Stdio::null());
        with.spawn().map(Victim).doing("execve(2)", "sleep")
    }

    /// A disk of the host. Needs root, `mkfs.ext4` and `losetup`.
    pub fn disk(&self) -> Result<Disk> {
        let (content, image) = (self.dir().join("disk"), self.dir().join("disk.ext4"));
        fs::create_dir(&content).doing("mkdir(2)", &content)?;
        fs::write(content.join("sentinel"), SENTINEL).doing("write", &content)?;
        let (content, image) = (content.display().to_string(), image.display().to_string());
        output("mkfs.ext4", &["-q", "-d", &content, &image, "1M"])?;
        let device = output("losetup", &["--find", "--show", "--read-only", &image])?;
        Ok(Disk { device: device.trim().into() })
    }
}

fn output(program: &str, words: &[&str]) -> Result<String> {
    let output = Command::new(program).args(words).output().doing("execve(2)", program)?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(Error::refused("run", program, String::from_utf8_lossy(&output.stderr).trim()))
}
