//! The words in double braces.

/// A directive of a line: `{{#name words}}`, or `{{/name}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directive<'line> {
    /// `snap`, or `/predict` for the end of a block.
    pub name: &'line str,
    /// What follows the name.
    pub words: &'line str,
    /// Where it stands in the line.
    pub range: (usize, usize),
}

impl Directive<'_> {
    /// Nothing else stands in the line.
    pub fn fills(&self, line: &str) -> bool {
        line[..self.range.0].trim().is_empty() && line[self.range.1..].trim().is_empty()
    }
}

/// The directives of a line, from left to right.
pub fn directives(line: &str) -> Vec<Directive<'_>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = line[from..].find("{{").map(|start| from + start) {
        let Some(end) = line[start..].find("}}").map(|end| start + end) else { break };
        let inside = line[start + 2..end].trim();
        from = end + 2;
        let Some(body) = inside.strip_prefix('#').or_else(|| inside.starts_with('/').then_some(inside))
        else {
            continue;
        };
        let (name, words) = body.split_once(char::is_whitespace).unwrap_or((body, ""));
        found.push(Directive { name, words: words.trim(), range: (start, from) });
    }
    found
}

/// The first word of a directive, and the named ones.
type Named<'words> = (&'words str, Vec<(&'words str, &'words str)>);

/// The first word, and `key=value` pairs after it; a value with blanks stands in double quotes, one with those in single ones.
pub fn named_words(words: &str) -> Result<Named<'_>, String> {
    let (first, mut rest) = words.split_once(char::is_whitespace).unwrap_or((words, ""));
    let mut pairs = Vec::new();
    loop {
        rest = rest.trim_start();
        if rest.is_empty() {
            return Ok((first, pairs));
        }
        let (key, after) = rest.split_once('=').ok_or_else(|| format!("`{rest}` is not `key=value`"))?;
        let quote = after.chars().next().filter(|mark| matches!(mark, '"' | '\''));
        let (value, after) = match quote {
            Some(quote) => {
                after[1..].split_once(quote).ok_or_else(|| format!("{key}: the quoted value has no end"))?
            }
            None => after.split_once(char::is_whitespace).unwrap_or((after, "")),
        };
        pairs.push((key, value));
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directives_are_found_where_they_stand() {
        let line = "see {{#sys mount(2)}} and {{ #term a b }}; {{plain}} {{/predict}} {{#open";
        let found = directives(line);
        let names: Vec<_> = found.iter().map(|one| (one.name, one.words)).collect();
        assert_eq!(names, [("sys", "mount(2)"), ("term", "a b"), ("/predict", "")]);
        assert_eq!(&line[found[0].range.0..found[0].range.1], "{{#sys mount(2)}}");
        assert!(!found[0].fills(line));
        assert!(directives("  {{#predict}} ")[0].fills("  {{#predict}} "));
    }

    #[test]
    fn values_may_be_quoted() {
        let words = r#"step-04.root lines=3..9 from="what is done" to=x"#;
        let (first, pairs) = named_words(words).unwrap();
        assert_eq!(first, "step-04.root");
        assert_eq!(pairs, [("lines", "3..9"), ("from", "what is done"), ("to", "x")]);
        assert_eq!(named_words("a b='c \"d\" e'").unwrap().1, [("b", "c \"d\" e")]);
        assert!(named_words("a b").is_err());
        assert!(named_words(r#"a from="b"#).is_err());
    }
}
