//! The options of a mount: flags of the mount, flags of the file system, and what the file system itself takes.

use crate::error::{Error, Kind, Result};
use crate::oci::spec::Mount;
use crate::sys::mount::{Attributes, Extent, Propagation};

/// The options of one mount, sorted by what they are for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Options {
    /// That it is a bind mount, and whether with what is mounted below.
    pub(super) bind: Option<Extent>,
    /// Flags of the mount to be set, and those to be cleared.
    pub(super) set: Attributes,
    pub(super) clear: Attributes,
    /// The same for it and all below it.
    pub(super) set_all: Attributes,
    pub(super) clear_all: Attributes,
    /// How mounts spread from and to it.
    pub(super) propagation: Option<(Propagation, Extent)>,
    /// What is said to the file system: `("size", Some("64k"))`.
    pub(super) data: Vec<(String, Option<String>)>,
}

impl Default for Options {
    fn default() -> Self {
        let none = Attributes::empty();
        Self {
            bind: None,
            set: none,
            clear: none,
            set_all: none,
            clear_all: none,
            propagation: None,
            data: Vec::new(),
        }
    }
}

/// What one word means.
enum Meaning {
    Bind(Extent),
    Set(Attributes),
    Clear(Attributes),
    Propagation(Propagation, Extent),
    /// A flag of the file system, which fsconfig(2) knows by that name.
    FileSystem(&'static str),
    /// It says what is so anyway.
    Nothing,
    /// It is known, and cannot be had here yet.
    NotYet,
}

impl Options {
    /// Sorts the options of a mount; `path` is where it stands in the configuration. Errors: [`Kind::Unsupported`] for
    /// what cannot be had; nothing is left out.
    pub(super) fn of(path: &str, mount: &Mount) -> Result<Self> {
        let mut options = Self::default();
        if mount.kind.as_deref() == Some("bind") {
            options.bind = Some(Extent::All);
        }
        for (index, word) in mount.options.iter().enumerate() {
            options.add(word).map_err(|reason| {
                Error::refused(Kind::Unsupported, "config.json", format!("{path}.options[{index}]"), reason)
            })?;
        }
        Ok(options)
    }

    fn add(&mut self, word: &str) -> Result<(), String> {
        // `rro` is `ro` for all below as well; `rbind` and `rprivate` have been known for longer.
        let recursive = word.strip_prefix('r').map(meaning);
        match meaning(word) {
            Some(Meaning::Bind(extent)) => self.bind = Some(extent),
            Some(Meaning::Set(flags)) => put(&mut self.set, &mut self.clear, flags),
            Some(Meaning::Clear(flags)) => put(&mut self.clear, &mut self.set, flags),
            Some(Meaning::Propagation(kind, extent)) => self.propagation = Some((kind, extent)),
            Some(Meaning::FileSystem(name)) => self.data.push((name.to_owned(), None)),
            Some(Meaning::Nothing) => {}
            Some(Meaning::NotYet) => return Err(format!("{word:?} cannot be had yet")),
            None => match recursive {
                Some(Some(Meaning::Set(flags))) => put(&mut self.set_all, &mut self.clear_all, flags),
                Some(Some(Meaning::Clear(flags))) => put(&mut self.clear_all, &mut self.set_all, flags),
                _ => self.data.push(match word.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (word.to_owned(), None),
                }),
            },
        }
        Ok(())
    }
}

/// The later word counts. Access times are one choice, so each word about them replaces the others.
fn put(here: &mut Attributes, there: &mut Attributes, flags: Attributes) {
    let atime = Attributes::NOATIME | Attributes::STRICTATIME;
    if flags.intersects(atime) {
        here.remove(atime);
        there.remove(atime);
    }
    here.insert(flags);
    there.remove(flags);
}

fn meaning(word: &str) -> Option<Meaning> {
    use Meaning::{Bind, Clear, FileSystem, NotYet, Nothing, Propagation as Spread, Set};
    Some(match word {
        "bind" => Bind(Extent::One),
        "rbind" => Bind(Extent::All),
        "ro" => Set(Attributes::RDONLY),
        "rw" => Clear(Attributes::RDONLY),
        "nosuid" => Set(Attributes::NOSUID),
        "suid" => Clear(Attributes::NOSUID),
        "nodev" => Set(Attributes::NODEV),
        "dev" => Clear(Attributes::NODEV),
        "noexec" => Set(Attributes::NOEXEC),
        "exec" => Clear(Attributes::NOEXEC),
        "noatime" => Set(Attributes::NOATIME),
        // Without `relatime` the kernel has had nothing but strict times since 2.6.30.
        "strictatime" | "norelatime" => Set(Attributes::STRICTATIME),
        "atime" | "relatime" | "nostrictatime" => Clear(Attributes::NOATIME | Attributes::STRICTATIME),
        "nodiratime" => Set(Attributes::NODIRATIME),
        "diratime" => Clear(Attributes::NODIRATIME),
        "nosymfollow" => Set(Attributes::NOSYMFOLLOW),
        "symfollow" => Clear(Attributes::NOSYMFOLLOW),
        "private" => Spread(Propagation::Private, Extent::One),
        "shared" => Spread(Propagation::Shared, Extent::One),
        "slave" => Spread(Propagation::Slave, Extent::One),
        "unbindable" => Spread(Propagation::Unbindable, Extent::One),
        "rprivate" => Spread(Propagation::Private, Extent::All),
        "rshared" => Spread(Propagation::Shared, Extent::All),
        "rslave" => Spread(Propagation::Slave, Extent::All),
        "runbindable" => Spread(Propagation::Unbindable, Extent::All),
        "sync" => FileSystem("sync"),
        "dirsync" => FileSystem("dirsync"),
        "lazytime" => FileSystem("lazytime"),
        "iversion" => FileSystem("iversion"),
        "silent" => FileSystem("silent"),
        // mandatory locks are gone from Linux 5.15, which takes the word and warns.
        "mand" => FileSystem("mand"),
        "defaults" | "async" | "nolazytime" | "noiversion" | "loud" | "nomand" => Nothing,
        "remount" | "tmpcopyup" | "idmap" | "ridmap" => NotYet,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(words: &[&str]) -> Result<Options> {
        let options = words.iter().map(|word| (*word).to_owned()).collect();
        Options::of("mounts[2]", &Mount { options, ..Mount::default() })
    }

    #[test]
    fn each_word_goes_where_it_belongs() {
        let sorted = options(&["nosuid", "rro", "rprivate", "rbind", "size=64k", "newinstance", "sync"])
            .expect("sorted");
        assert_eq!(sorted.bind, Some(Extent::All));
        assert_eq!((sorted.set, sorted.set_all), (Attributes::NOSUID, Attributes::RDONLY));
        assert_eq!(sorted.propagation, Some((Propagation::Private, Extent::All)));
        let data = [("size", Some("64k")), ("newinstance", None), ("sync", None)];
        assert_eq!(sorted.data, data.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))));
    }

    #[test]
    fn the_later_word_counts() {
        let sorted = options(&["ro", "noexec", "rw", "noatime", "strictatime"]).expect("sorted");
        assert_eq!(sorted.set, Attributes::NOEXEC | Attributes::STRICTATIME);
        assert_eq!(sorted.clear, Attributes::RDONLY);
        assert_eq!(options(&["strictatime", "relatime"]).expect("sorted").set, Attributes::empty());
    }

    #[test]
    fn what_cannot_be_had_is_refused_by_its_place() {
        let error = options(&["ro", "tmpcopyup"]).expect_err("not yet");
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(
            error.to_string().starts_with("config.json \"mounts[2].options[1]\": \"tmpcopyup\""),
            "{error}"
        );
    }

    #[test]
    fn a_bind_may_be_told_by_its_kind_alone() {
        let mount = Mount { kind: Some("bind".into()), ..Mount::default() };
        assert_eq!(Options::of("mounts[0]", &mount).expect("sorted").bind, Some(Extent::All));
    }
}
