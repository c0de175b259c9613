//! Who a user is inside: the container's own passwd(5). A static program has no other way to ask, and the host's names mean
//! nothing there.

use std::path::Path;

use crate::error::{Kind, Result};
use crate::sys::path::Root;

/// The largest passwd that is read.
const LIMIT: usize = 1 << 20;

/// The home of a user, `/` if none is known. Called when the container's root is this process's.
pub(super) fn home(uid: u32) -> Result<String> {
    match Root::open(Path::new("/"))?.read(Path::new("/etc/passwd"), LIMIT) {
        Ok(text) => Ok(home_in(&text, uid).unwrap_or_else(|| "/".to_owned())),
        // It is data of the image, of which nothing is obeyed but a directory's name: a missing one is none.
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Invalid | Kind::Denied) => {
            Ok("/".to_owned())
        }
        Err(error) => Err(error),
    }
}

fn home_in(passwd: &[u8], uid: u32) -> Option<String> {
    let text = String::from_utf8_lossy(passwd);
    text.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        let [_, _, id, _, _, home, ..] = fields.as_slice() else { return None };
        let is_it = id.parse() == Ok(uid) && home.starts_with('/') && !home.contains('\0');
        is_it.then(|| (*home).to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_a_user_with_a_home_counts() {
        let passwd = b"root:x:0:0:root:/root:/bin/sh\nbroken:x:5\na:x:7:7::relative:/bin/sh\nb:x:7:7::/home/b:\nc:x:7:7::/home/c:\n";
        assert_eq!(home_in(passwd, 0).as_deref(), Some("/root"));
        assert_eq!(home_in(passwd, 7).as_deref(), Some("/home/b"));
        assert_eq!(home_in(passwd, 5), None);
        // Ids are numbers, and no others that look like them.
        assert_eq!(home_in(b"a:x:4294967296:0::/a:\nb:x:-1:0::/b:\n", 0), None);
    }
}
