//! The operator's log: one JSON object a line. It never carries evidence, secrets, cookies, tokens.
//!
//! This is not the transparency log. It may be lost without harm; it is for the person who runs
//! the service and wants to know today why a guest was refused.
//!
//! Whoever reads it may be slow, or not read at all: lines wait for it, up to a number, and are then
//! lost and counted. The service waits for nobody.

mod desk;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::Clock;
use desk::Desk;

/// How long the end of the program waits for a reader.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Where the lines go. Cloning it shares the sink.
#[derive(Clone)]
pub struct Journal {
    desk: Arc<Desk>,
    clock: Clock,
}

impl Journal {
    /// Lines to standard error.
    pub fn stderr(clock: Clock) -> Self {
        Self::new(std::io::stderr(), clock)
    }

    /// Lines to `sink`, which a thread of its own writes to.
    pub fn new(sink: impl Write + Send + 'static, clock: Clock) -> Self {
        let told = clock.clone();
        let lost = move |count| line(&told, "error", "lines-lost", &Lost { count });
        Self {
            desk: Arc::new(Desk::open(sink, lost)),
            clock,
        }
    }

    /// Something that went as it should.
    pub fn info(&self, event: &'static str, fields: &impl Serialize) {
        self.desk.put(line(&self.clock, "info", event, fields));
    }

    /// Something that an operator has to look at.
    pub fn error(&self, event: &'static str, fields: &impl Serialize) {
        self.desk.put(line(&self.clock, "error", event, fields));
    }

    /// Waits a moment for the lines so far to be out: before the program ends.
    pub fn settle(&self) {
        self.desk.settle(LAST_LINES);
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

#[derive(Serialize)]
struct Lost {
    count: u64,
}

fn line(
    clock: &Clock,
    level: &'static str,
    event: &'static str,
    fields: &impl Serialize,
) -> Vec<u8> {
    let line = Line {
        time: clock.now(),
        level,
        event,
        fields,
    };
    let mut text = serde_json::to_vec(&line).unwrap_or_default();
    text.push(b'\n');
    text
}
