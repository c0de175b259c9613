//! The tags of a built page. mdBook writes well-formed HTML, so that a scanner does.

/// A tag that opens, with its attributes.
#[derive(Clone, Debug)]
pub struct Tag {
    /// In lower case.
    pub name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The tags of a page in their order; what is inside of scripts, styles and comments is none.
pub fn tags(html: &str) -> Vec<Tag> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(at) = rest.find('<') {
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        if !rest[1..].starts_with(|first: char| first.is_ascii_alphabetic()) {
            rest = &rest[1..];
            continue;
        }
        let end = tag_end(rest);
        let inside = &rest[1..end];
        rest = rest.get(end + 1..).unwrap_or("");
        let tag = parse(inside);
        if matches!(tag.name.as_str(), "script" | "style") {
            let close = format!("</{}", tag.name);
            rest = rest.find(&close).map_or("", |at| &rest[at..]);
        }
        tags.push(tag);
    }
    tags
}

/// Where the tag ends: a `>` that is in no quoted value.
fn tag_end(text: &str) -> usize {
    let mut quote = None;
    for (at, letter) in text.char_indices() {
        match (quote, letter) {
            (None, '>') => return at,
            (None, '"' | '\'') => quote = Some(letter),
            (Some(open), letter) if open == letter => quote = None,
            _ => {}
        }
    }
    text.len()
}

fn parse(inside: &str) -> Tag {
    let inside = inside.trim_end_matches('/');
    let (name, mut rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Tag { name: name.to_ascii_lowercase(), attributes };
        }
        let end = rest.find(|letter: char| letter == '=' || letter.is_whitespace()).unwrap_or(rest.len());
        let key = rest[..end].to_ascii_lowercase();
        let after = rest[end..].trim_start();
        let Some(value) = after.strip_prefix('=').map(str::trim_start) else {
            attributes.push((key, String::new()));
            rest = after;
            continue;
        };
        let (value, after) = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value[1..].split_once(quote).unwrap_or((&value[1..], "")),
            _ => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        attributes.push((key, value.replace("&amp;", "&").replace("&quot;", "\"").replace("&#39;", "'")));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_with_their_attributes() {
        let html = r#"<!-- <a href="no"> --><p id=x data-y>1 < 2 <A HREF="a>b?c&amp;d" class='e'>t</a>
            <script>var x = '<a href="no">';</script><br/><img src="i.png" />"#;
        let found = tags(html);
        let names: Vec<_> = found.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(names, ["p", "a", "script", "br", "img"]);
        assert_eq!(found[0].attribute("id"), Some("x"));
        assert_eq!(found[0].attribute("data-y"), Some(""));
        assert_eq!(found[1].attribute("href"), Some("a>b?c&d"));
        assert_eq!(found[4].attribute("src"), Some("i.png"));
    }
}
