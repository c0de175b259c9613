//! Every link leads somewhere, on every built page and on the one that is made for print; and nothing is loaded from
//! elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::html::{Tag, tags};
use crate::{Finding, files, read};

/// Holds a built book to it.
pub fn check(built: &Path, findings: &mut Vec<Finding>) -> Result<()> {
    let mut pages = BTreeMap::new();
    for file in html_files(built) {
        pages.insert(file.clone(), tags(&read(&file)?));
    }
    let ids: BTreeMap<&PathBuf, BTreeSet<&str>> =
        pages.iter().map(|(file, tags)| (file, ids(tags))).collect();
    for (file, tags) in &pages {
        let name = file.strip_prefix(built).unwrap_or(file);
        let mut found = |what: String| findings.push(Finding::of(name, what));
        for tag in tags {
            for (address, is_asset) in addresses(tag) {
                let outcome = match (scheme(address), is_asset) {
                    (Some("data"), true) | (Some("http" | "https" | "mailto"), false) => Ok(()),
                    (Some(_), true) => Err(format!("<{}> loads {address} from elsewhere", tag.name)),
                    (Some(_), false) => Err(format!("a link to {address}")),
                    (None, _) => leads(file, address, &ids),
                };
                if let Err(what) = outcome {
                    found(what);
                }
            }
        }
    }
    for file in
        files(built).iter().filter(|file| file.extension().is_some_and(|extension| extension == "css"))
    {
        let text = read(file)?;
        if ["url(http", "url(\"http", "url('http", "@import"].iter().any(|part| text.contains(part)) {
            findings.push(Finding::of(
                file.strip_prefix(built).unwrap_or(file),
                "a style sheet loads from elsewhere",
            ));
        }
    }
    Ok(())
}

/// The pages of a built book. 404.html is for servers alone: its addresses begin at their root.
pub(super) fn html_files(built: &Path) -> Vec<PathBuf> {
    let html = |file: &PathBuf| file.extension().is_some_and(|extension| extension == "html");
    files(built).into_iter().filter(|file| html(file) && !file.ends_with("404.html")).collect()
}

fn ids(tags: &[Tag]) -> BTreeSet<&str> {
    tags.iter().flat_map(|tag| [tag.attribute("id"), tag.attribute("name")]).flatten().collect()
}

/// What a tag leads to or loads, and whether it loads it.
pub(super) fn addresses(tag: &Tag) -> Vec<(&str, bool)> {
    let get = |name| tag.attribute(name);
    let found = match tag.name.as_str() {
        "a" | "area" => [get("href").map(|address| (address, false)), None],
        "link" => [get("href").map(|address| (address, true)), None],
        "use" | "image" => [get("href").or(get("xlink:href")).map(|address| (address, true)), None],
        _ => [get("src").map(|address| (address, true)), get("poster").map(|address| (address, true))],
    };
    found.into_iter().flatten().collect()
}

/// `https` of `https://…`; an address that begins with `//` has the scheme of its page, and is elsewhere too.
fn scheme(address: &str) -> Option<&str> {
    if address.starts_with("//") {
        return Some("//");
    }
    let (scheme, _) = address.split_once(':')?;
    let is_scheme = !scheme.is_empty()
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte));
    is_scheme.then_some(scheme)
}

fn leads(from: &Path, address: &str, ids: &BTreeMap<&PathBuf, BTreeSet<&str>>) -> Result<(), String> {
    let (path, fragment) = address.split_once('#').map_or((address, None), |(path, part)| (path, Some(part)));
    let target = match path {
        "" => from.to_path_buf(),
        path => resolve(&from.parent().unwrap_or(from).join(path)),
    };
    if !target.exists() {
        return Err(format!("a link to {address}, which is not there"));
    }
    match (fragment, ids.get(&target)) {
        (None | Some(""), _) => Ok(()),
        (Some(fragment), Some(ids)) if ids.contains(fragment) => Ok(()),
        (Some(fragment), _) => Err(format!("a link to {address}: nothing there is called #{fragment}")),
    }
}

fn resolve(path: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                resolved.pop();
            }
            Component::CurDir => {}
            part => resolved.push(part),
        }
    }
    resolved
}
