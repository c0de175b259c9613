//! What may be limited, as files and values: a plan that can be read before anything is touched.

use std::str::FromStr;

use clap::Args;

/// The limits of a container; what is absent is not limited.
#[derive(Debug, Clone, Default, Args)]
pub struct Limits {
    /// Memory, in bytes or with k, M, G; at the limit the kernel kills (`memory.max`)
    #[arg(long, value_name = "BYTES")]
    pub memory: Option<Bytes>,
    /// Swap on top of it; 0 unless said (`memory.swap.max`)
    #[arg(long, value_name = "BYTES", requires = "memory")]
    pub swap: Option<Bytes>,
    /// CPUs, as a share of time: 0.5 is half of one (`cpu.max`)
    #[arg(long, value_name = "N")]
    pub cpus: Option<Cpus>,
    /// A share beside others when the CPU is wanted by all: 1 to 10000, usually 100 (`cpu.weight`)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10000))]
    pub cpu_weight: Option<u64>,
    /// Processes and threads (`pids.max`)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub pids: Option<u64>,
    /// Of one block device: `MAJOR:MINOR KEY=N`, the key being rbps, wbps, riops or wiops (`io.max`)
    #[arg(long, value_name = "LIMIT")]
    pub io: Vec<IoMax>,
}

/// One value for one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The controller.
    pub controller: &'static str,
    /// The file in the group's directory.
    pub file: &'static str,
    /// What is written to it.
    pub value: String,
    /// Whether it follows from another setting, and may be passed over where the kernel lacks it.
    pub implied: bool,
}

impl Setting {
    /// A setting that was asked for.
    pub fn asked(controller: &'static str, file: &'static str, value: &(impl ToString + ?Sized)) -> Self {
        Self { controller, file, value: value.to_string(), implied: false }
    }
}

impl Limits {
    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        self.v2().is_empty()
    }

    // ANCHOR: v2
    /// The files of version 2, in the order in which they are written.
    pub fn v2(&self) -> Vec<Setting> {
        let mut settings = Vec::new();
        if let Some(Bytes(memory)) = self.memory {
            settings.push(Setting::asked("memory", "memory.max", &memory));
            let swap = Setting::asked("memory", "memory.swap.max", &self.swap.unwrap_or_default().0);
            settings.push(Setting { implied: self.swap.is_none(), ..swap });
        }
        if let Some(cpus) = self.cpus {
            settings.push(Setting::asked("cpu", "cpu.max", &format!("{} {PERIOD}", cpus.quota())));
        }
        if let Some(weight) = self.cpu_weight {
            settings.push(Setting::asked("cpu", "cpu.weight", &weight));
        }
        if let Some(pids) = self.pids {
            settings.push(Setting::asked("pids", "pids.max", &pids));
        }
        for io in &self.io {
            settings.push(Setting::asked("io", "io.max", &format!("{} {}={}", io.device, io.key, io.value)));
        }
        settings
    }
    // ANCHOR_END: v2
}

/// The period of the CPU limit, in microseconds: the kernel's default.
pub const PERIOD: u64 = 100_000;

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let shift = |digits, bits| (digits, 1_u64 << bits);
        let (digits, unit) = match text.trim_end_matches(['b', 'B']) {
            text if text.ends_with(['k', 'K']) => shift(&text[..text.len() - 1], 10),
            text if text.ends_with(['m', 'M']) => shift(&text[..text.len() - 1], 20),
            text if text.ends_with(['g', 'G']) => shift(&text[..text.len() - 1], 30),
            text => (text, 1),
        };
        let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
        number.map(Self).ok_or_else(|| "a number of bytes is whole, with k, M or G behind it: 64M".into())
    }
}

/// CPUs, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cpus(u64);

impl Cpus {
    /// A whole number of microseconds of CPU time.
    pub fn from_quota(quota: u64, period: u64) -> Option<Self> {
        quota.checked_mul(1000)?.checked_div(period).map(Self)
    }

    /// Microseconds of CPU time in each [`PERIOD`]. The kernel refuses less than a millisecond.
    pub fn quota(self) -> u64 {
        (self.0 * (PERIOD / 1000)).max(1000)
    }
}

impl FromStr for Cpus {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let thousandths = format!("{whole}{part:0<3}").parse::<u64>().ok().filter(|n| *n > 0);
        let fits = part.len() <= 3 && !whole.is_empty() && whole.len() <= 5;
        thousandths.filter(|_| fits).map(Self).ok_or_else(|| "CPUs are a number above 0, as 1.5".into())
    }
}

/// A limit for one block device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IoMax {
    /// `MAJOR:MINOR`
    pub device: String,
    /// `rbps`, `wbps`, `riops` or `wiops`
    pub key: String,
    /// Bytes or operations a second.
    pub value: u64,
}

impl FromStr for IoMax {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = || {
            let (device, limit) = text.split_once(' ')?;
            let (major, minor) = device.split_once(':')?;
            let (key, value) = limit.split_once('=')?;
            let numbers = major.parse::<u32>().is_ok() && minor.parse::<u32>().is_ok();
            let known = ["rbps", "wbps", "riops", "wiops"].contains(&key);
            let value = value.parse().ok().filter(|_| numbers && known)?;
            Some(Self { device: device.into(), key: key.into(), value })
        };
        parsed().ok_or_else(|| "a device's limit is as \"8:0 wbps=1048576\"".into())
    }
}
