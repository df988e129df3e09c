//! The operator's log: one JSON object a line. It never carries evidence, secrets, cookies, tokens.
//!
//! This is not the transparency log. It may be lost without harm; it is for the person who runs
//! the service and wants to know today why a guest was refused.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::Clock;

/// Where the lines go. Cloning it shares the sink.
#[derive(Clone)]
pub struct Journal {
    sink: Arc<Mutex<dyn Write + Send>>,
    clock: Clock,
}

impl Journal {
    /// Lines to standard error.
    pub fn stderr(clock: Clock) -> Self {
        Self::new(std::io::stderr(), clock)
    }

    /// Lines to `sink`.
    pub fn new(sink: impl Write + Send + 'static, clock: Clock) -> Self {
        Self {
            sink: Arc::new(Mutex::new(sink)),
            clock,
        }
    }

    /// Something that went as it should.
    pub fn info(&self, event: &'static str, fields: &impl Serialize) {
        self.line("info", event, fields);
    }

    /// Something that an operator has to look at.
    pub fn error(&self, event: &'static str, fields: &impl Serialize) {
        self.line("error", event, fields);
    }

    fn line(&self, level: &'static str, event: &'static str, fields: &impl Serialize) {
        let line = Line {
            time: self.clock.now(),
            level,
            event,
            fields,
        };
        let Ok(mut text) = serde_json::to_vec(&line) else {
            return;
        };
        text.push(b'\n');
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed standard error must not stop the service: what counts is in the store.
        let _ = sink.write_all(&text).and_then(|()| sink.flush());
    }
}

#[derive(Serialize)]
struct Line<'a, F> {
    time: u64,
    level: &'static str,
    event: &'static str,
    #[serde(flatten)]
    fields: &'a F,
}
