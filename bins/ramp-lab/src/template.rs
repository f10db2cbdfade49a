//! Fills the configuration templates of `fixtures/lab/`: every `@word@` is replaced by its value.

/// `template` with each `@name@` replaced by the value given for it.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    values.iter().fold(template.to_owned(), |text, (name, value)| text.replace(&format!("@{name}@"), value))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The words of a template that nothing has replaced.
    pub(crate) fn blanks(text: &str) -> Vec<&str> {
        let is_word =
            |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .flat_map(|line| line.split('@').skip(1).step_by(2).filter(|word| is_word(word)))
            .collect()
    }

    #[test]
    fn every_occurrence_of_a_word_is_replaced() {
        assert_eq!(fill("a=@port@,@port@ b=@host@", &[("port", "1"), ("host", "h")]), "a=1,1 b=h");
    }

    #[test]
    fn a_word_without_a_value_is_seen() {
        assert_eq!(blanks(&fill("a=@port@ b=@host@", &[("port", "1")])), ["host"]);
    }
}
