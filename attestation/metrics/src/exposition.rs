//! The text format 0.0.4 (Prometheus documentation, "Exposition formats", text-based format).

use std::fmt::{self, Write as _};

/// A number as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Whole(u64),
    Millionths(u64),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MILLION: u64 = 1_000_000;
        match self {
            Self::Whole(value) => write!(f, "{value}"),
            Self::Millionths(value) if value % MILLION == 0 => write!(f, "{}", value / MILLION),
            Self::Millionths(value) => {
                let decimals = format!("{:06}", value % MILLION);
                write!(f, "{}.{}", value / MILLION, decimals.trim_end_matches('0'))
            }
        }
    }
}

/// Where the samples of one family go.
pub(crate) struct Samples<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl<'a> Samples<'a> {
    /// Begins a family.
    pub fn of(text: &'a mut String, name: &'static str, kind: &str, help: &str) -> Self {
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = writeln!(text, "# HELP {name} {help}");
        let _ = writeln!(text, "# TYPE {name} {kind}");
        Self { text, name }
    }

    pub fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: Value) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        for (index, (name, text)) in labels.iter().enumerate() {
            self.text.push(if index == 0 { '{' } else { ',' });
            let _ = write!(self.text, "{name}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_without_loss() {
        for (value, text) in [
            (Value::Whole(u64::MAX), "18446744073709551615"),
            (Value::Millionths(500), "0.0005"),
            (Value::Millionths(1_000_000), "1"),
            (Value::Millionths(0), "0"),
            (Value::Millionths(12_345_678), "12.345678"),
        ] {
            assert_eq!(value.to_string(), text);
        }
    }

    #[test]
    fn label_with_quotes_backslashes_and_lines_stays_one_label() {
        let mut text = String::new();
        let mut samples = Samples::of(&mut text, "a_total", "counter", "one\ntwo\\");
        samples.sample("", &[("l", "x\"} 1\ny\\")], Value::Whole(2));
        assert_eq!(
            text,
            "# HELP a_total one\\ntwo\\\\\n# TYPE a_total counter\na_total{l=\"x\\\"} 1\\ny\\\\\"} 2\n"
        );
    }
}
