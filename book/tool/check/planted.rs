//! A repository with nothing in it but a book, into which the tests plant their faults.

use std::fs;

use tempfile::TempDir;

use crate::Tree;

/// It is removed when it is dropped.
pub(crate) struct Planted {
    pub(crate) tree: Tree,
    dir: TempDir,
}

/// A figure without a fault.
pub(crate) const FIGURE: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 100 40">
<title>The tree</title>

<desc>Two boxes, one above the other; an arrow leads from the upper box to the lower one.</desc>
<defs><marker id="head"><path d="M0 0L4 2L0 4z"/></marker></defs>
<rect class="box" x="1" y="1" width="30" height="10"/>
<path class="arrow" d="M0 0L4 4" marker-end="url(#head)"/>
</svg>
"#;

impl Planted {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let planted = Self { tree: Tree::at(dir.path()), dir };
        planted.file("steps/04-pivot-root/Cargo.toml", "[package]\n");
        planted
    }

    pub(crate) fn file(&self, name: &str, text: &str) {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}
