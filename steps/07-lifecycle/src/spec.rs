//! A configuration to begin with: lesson 06's, under this lesson's name.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use kit::{Doing, Result, Tier};
use serde_json::Value;
use step_06::spec;

use crate::Plan;

/// The default configuration; `rootless` is for who has no privilege.
pub fn default(rootless: bool) -> Value {
    let mut document = spec::default(rootless);
    document["hostname"] = "step-07".into();
    document
}

/// The plan for a root that is there already.
pub fn plan_for(root: &Path) -> Result<Plan> {
    let mut document = default(Tier::of_self() == Tier::User);
    document["root"]["path"] = root.to_string_lossy().into();
    Plan::from_document(Path::new("/"), document)
}

/// Writes `config.json` into a directory. Like `runc spec` it does not overwrite: EEXIST.
pub fn write(bundle: &Path, rootless: bool) -> Result<()> {
    let path = bundle.join("config.json");
    let text = format!("{:#}\n", default(rootless));
    let file = OpenOptions::new().write(true).create_new(true).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).doing("write", &path)
}
