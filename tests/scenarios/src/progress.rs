//! Shows a person what is going on, and keeps the time of each stage.

use std::collections::BTreeMap;
use std::time::Instant;

/// Prints the stages.
#[derive(Debug)]
pub struct Progress {
    stages: usize,
    current: Option<(String, Instant)>,
    seconds: BTreeMap<String, f64>,
}

impl Progress {
    /// For so many stages.
    #[must_use]
    pub fn new(stages: usize) -> Self {
        Self {
            stages,
            current: None,
            seconds: BTreeMap::new(),
        }
    }

    /// Ends the stage before and begins the next.
    pub fn stage(&mut self, name: &str, what: &str) {
        self.end();
        let number = self.seconds.len() + 1;
        println!("\n[{number}/{}] {name}: {what}", self.stages);
        self.current = Some((name.to_lowercase(), Instant::now()));
    }

    /// One line inside a stage.
    pub fn line(&self, text: &str) {
        println!("      {text}");
    }

    /// A longer text inside a stage, under the line before.
    pub fn wrapped(&self, text: &str) {
        for line in wrap(text, 90) {
            println!("          {line}");
        }
    }

    /// Ends the last stage and returns the seconds of each.
    #[must_use]
    pub fn finish(mut self) -> BTreeMap<String, f64> {
        self.end();
        self.seconds
    }

    fn end(&mut self) {
        if let Some((name, start)) = self.current.take() {
            let seconds = start.elapsed().as_secs_f64();
            println!("      {seconds:.1} s");
            self.seconds.insert(name, (seconds * 10.0).round() / 10.0);
        }
    }
}

/// Cuts a text at spaces into lines of at most `width` characters; a longer word stands alone.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn text_wraps_at_spaces_and_loses_no_word() {
        assert_eq!(
            wrap("a bb ccc dddddddd e", 6),
            ["a bb", "ccc", "dddddddd", "e"]
        );
    }
}
