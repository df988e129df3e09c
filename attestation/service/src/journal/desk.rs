//! Lines on their way to a reader that may be slow.

use std::collections::VecDeque;
use std::io::Write;
use std::mem::take;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// So many lines wait; what comes beyond them is lost.
const ROOM: usize = 1024;

/// Takes lines and has a thread write them. What was taken is still written after it is dropped.
///
/// Who puts a line waits for no reader, not even for a slow one: the lock is never held while a line
/// is written, and those who put lines are the threads that answer everybody.
pub(super) struct Desk(Arc<Shared>);

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Vec<u8>>,
    /// How many lines were taken so far, and how many of them are out.
    taken: u64,
    out: u64,
    lost: u64,
    closed: bool,
}

impl Desk {
    /// Lines to `sink`; `tell_lost` makes the line that tells how many were lost.
    pub fn open(
        sink: impl Write + Send + 'static,
        tell_lost: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || writer.write_all(sink, tell_lost));
        Self(shared)
    }

    /// Takes a line, or counts it as lost.
    pub fn put(&self, line: Vec<u8>) {
        let mut queue = self.0.lock();
        if queue.waiting.len() >= ROOM {
            queue.lost = queue.lost.saturating_add(1);
            return;
        }
        queue.waiting.push_back(line);
        queue.taken = queue.taken.saturating_add(1);
        self.0.changed.notify_all();
    }

    /// Waits until all lines that were taken so far are out, but no longer than `patience`.
    pub fn settle(&self, patience: Duration) {
        let queue = self.0.lock();
        let taken = queue.taken;
        let _ = self
            .0
            .changed
            .wait_timeout_while(queue, patience, |queue| queue.out < taken);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut sink: impl Write, tell_lost: impl Fn(u64) -> Vec<u8>) {
        while let Some((line, lost)) = self.next() {
            let lost = Some(lost).filter(|lost| *lost > 0).map(&tell_lost);
            for text in lost.iter().chain([&line]) {
                // A closed standard error must not stop the service: what counts is in the store.
                let _ = sink.write_all(text).and_then(|()| sink.flush());
            }
            let mut queue = self.lock();
            queue.out = queue.out.saturating_add(1);
            self.changed.notify_all();
        }
    }

    /// The next line, and how many were lost since the last one was asked for; waits for one.
    fn next(&self) -> Option<(Vec<u8>, u64)> {
        let mut queue = self
            .changed
            .wait_while(self.lock(), |queue| {
                queue.waiting.is_empty() && !queue.closed
            })
            .unwrap_or_else(PoisonError::into_inner);
        let line = queue.waiting.pop_front()?;
        Some((line, take(&mut queue.lost)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// Writes nothing until it is let.
    struct Gate {
        let_go: Receiver<()>,
        out: Sender<String>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            // Who is gone does not hold up.
            let _ = self.let_go.recv();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            self.out.send(text).unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn gated() -> (Desk, Sender<()>, Receiver<String>) {
        let (opener, let_go) = channel();
        let (out, lines) = channel();
        let tell = |count| format!("lost {count}").into_bytes();
        (Desk::open(Gate { let_go, out }, tell), opener, lines)
    }

    #[test]
    fn lines_are_out_once_settled() {
        let (desk, opener, lines) = gated();
        drop(opener);

        for number in 0..100 {
            desk.put(number.to_string().into_bytes());
            desk.settle(LONG);
            assert_eq!(lines.try_recv().unwrap(), number.to_string());
        }
    }

    #[test]
    fn reader_that_does_not_read_holds_nobody_up_and_what_it_missed_is_counted() {
        let (desk, opener, lines) = gated();
        let many = ROOM + 500;

        // Nobody reads: this would never end, if it waited.
        for number in 0..many {
            desk.put(number.to_string().into_bytes());
        }
        desk.settle(Duration::from_millis(1));
        drop((opener, desk));

        let lines: Vec<String> = lines.iter().collect();
        let lost = lines.iter().find_map(|line| line.strip_prefix("lost "));
        let lost: usize = lost.unwrap().parse().unwrap();
        assert_eq!(lines.len() - 1 + lost, many);
        assert!(lost >= 499, "{lost}");
    }

    #[test]
    fn reader_that_is_slow_holds_up_none_of_those_who_write() {
        let (desk, opener, _lines) = gated();
        let start = Instant::now();

        std::thread::scope(|scope| {
            // One line in ten milliseconds: 200 take two seconds.
            scope.spawn(|| {
                for _ in 0..20 {
                    std::thread::sleep(Duration::from_millis(10));
                    opener.send(()).unwrap();
                }
            });
            for _ in 0..4 {
                scope.spawn(|| (0..50).for_each(|_| desk.put(b"line".to_vec())));
            }
        });

        assert!(
            start.elapsed() < Duration::from_secs(1),
            "{:?}",
            start.elapsed()
        );
    }
}
