//! What a configuration asks for and this lesson does not do, with the lesson that will.

use kit::Result;

use crate::field::Field;

/// A field that is not applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unapplied {
    /// Its path.
    pub path: String,
    /// Who applies it: `lesson 06`; or why nobody does.
    pub by: String,
}

/// What a field must be, though it is only listed.
#[derive(Clone, Copy)]
enum Shape {
    Flag,
    Number,
    Text,
    Texts,
    List,
    Object,
}

/// Fields of runtime-spec 1.3 for Linux that later lessons, or the runtime, apply.
const LATER: &[(&str, Shape, &str)] = &[
    ("process.apparmorProfile", Shape::Text, "lesson 06"),
    ("process.capabilities", Shape::Object, "lesson 06"),
    ("process.noNewPrivileges", Shape::Flag, "lesson 06"),
    ("process.selinuxLabel", Shape::Text, "lesson 06"),
    ("linux.maskedPaths", Shape::Texts, "lesson 06"),
    ("linux.readonlyPaths", Shape::Texts, "lesson 06"),
    ("linux.seccomp", Shape::Object, "lesson 06"),
    ("linux.mountLabel", Shape::Text, "lesson 06"),
    ("process.terminal", Shape::Flag, "lesson 07"),
    ("process.consoleSize", Shape::Object, "lesson 07"),
    ("hooks", Shape::Object, "lesson 07"),
    ("linux.cgroupsPath", Shape::Text, "lesson 07"),
    ("linux.rootfsPropagation", Shape::Text, "lesson 09"),
    ("linux.netDevices", Shape::Object, "lesson 10"),
    ("linux.devices", Shape::List, "lesson 12"),
    ("linux.resources.devices", Shape::List, "lesson 12"),
    ("process.commandLine", Shape::Text, "Windows"),
    ("process.execCPUAffinity", Shape::Object, "dive-runtime"),
    ("process.ioPriority", Shape::Object, "dive-runtime"),
    ("process.oomScoreAdj", Shape::Number, "dive-runtime"),
    ("process.scheduler", Shape::Object, "dive-runtime"),
    ("linux.intelRdt", Shape::Object, "dive-runtime"),
    ("linux.memoryPolicy", Shape::Object, "dive-runtime"),
    ("linux.personality", Shape::Object, "dive-runtime"),
    ("linux.sysctl", Shape::Object, "dive-runtime"),
    ("linux.timeOffsets", Shape::Object, "dive-runtime"),
    ("linux.resources", Shape::Object, "dive-runtime"),
    ("mounts", Shape::List, "dive-runtime"),
    ("domainname", Shape::Text, "dive-runtime"),
    ("freebsd", Shape::Object, "FreeBSD"),
    ("solaris", Shape::Object, "Solaris"),
    ("vm", Shape::Object, "virtual machines"),
    ("windows", Shape::Object, "Windows"),
    ("zos", Shape::Object, "z/OS"),
];

// ANCHOR: list
/// Every field that nobody has read so far. Errors name one of them that is not even of the right kind.
pub fn list(whole: &Field<'_>) -> Result<Vec<Unapplied>> {
    let mut found = Vec::new();
    for path in whole.unread() {
        let below = |known: &str| {
            path == known || path.strip_prefix(known).is_some_and(|rest| rest.starts_with(['.', '[']))
        };
        let known = LATER.iter().find(|(known, ..)| below(known));
        if let Some((exact, shape, _)) = known.filter(|(known, ..)| *known == path) {
            check(whole, exact, *shape)?;
        }
        let by = known.map_or("unknown to runtime-spec 1.3", |(.., by)| by);
        found.push(Unapplied { path, by: by.to_owned() });
    }
    Ok(found)
}
// ANCHOR_END: list

fn check(whole: &Field<'_>, path: &str, shape: Shape) -> Result<()> {
    let mut field = whole.clone();
    for key in path.split('.') {
        field = field.need(key)?;
    }
    match shape {
        Shape::Flag => field.flag().map(drop),
        Shape::Number => field.number().map(drop),
        Shape::Text => field.text().map(drop),
        Shape::Texts => field.texts().map(drop),
        Shape::List => field.list().map(drop),
        Shape::Object => field.get("").map(drop),
    }
}
