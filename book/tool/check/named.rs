//! A file of the repository that the prose names, as `src/sys/pivot.rs`, is there: under the top, or in some package
//! of `steps/`.

use crate::page::Page;
use crate::{Finding, Tree, entries};

/// Where such a name begins.
const FOLDERS: [&str; 4] = ["src/", "steps/", "tests/", "book/"];

/// Holds a page to it.
pub fn check(tree: &Tree, page: &Page, findings: &mut Vec<Finding>) {
    for line in page.prose() {
        for name in line.text.split('`').skip(1).step_by(2).filter(|name| is_path(name)) {
            let packages = entries(&tree.root().join("steps"));
            let mut places = packages.iter().map(|package| package.join(name));
            if !tree.root().join(name).exists() && !places.any(|place| place.exists()) {
                findings.push(Finding::at(&page.name(), line.number, format!("there is no {name}")));
            }
        }
    }
}

/// No pattern and no sentence: `steps/*/exercises` is none.
fn is_path(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    FOLDERS.iter().any(|folder| name.starts_with(folder)) && name.bytes().all(plain)
}
