//! Asks this host everything that a judgement rests on. Nothing is changed by it.

mod config;
mod device;
mod files;
mod gzip;
mod kernel_log;

use vmm_host_facts::questions::{self, Section};
use vmm_host_facts::{Answer, Recording, first_block_of_cpuinfo, kept_of_command_line};

use files::absent;

/// Everything that this host answers.
pub fn host() -> Recording {
    let mut recording = Recording::new("this host");
    for path in questions::PLAIN_FILES {
        recording.put(Section::Files, path, files::text(path));
    }
    for path in questions::FOLDERS {
        recording.put(Section::Files, path, files::folder(path));
    }
    for path in questions::PLACES {
        recording.put(Section::Files, path, files::place(path));
    }
    let cpuinfo = kept(files::text(questions::CPUINFO), |text| {
        first_block_of_cpuinfo(text).to_owned()
    });
    recording.put(Section::Files, questions::CPUINFO, cpuinfo);
    let line = kept(files::text(questions::COMMAND_LINE), kept_of_command_line);
    recording.put(Section::Files, questions::COMMAND_LINE, line);
    recording.put(Section::Files, questions::MISC_CAPACITY, misc_capacity());
    recording.put(Section::Files, questions::CONFIG, config::options());
    recording.put(Section::Files, questions::LOG, kernel_log::lines());
    device::processor(&mut recording);
    device::kvm(&mut recording);
    device::secure_processor(&mut recording);
    recording
}

/// The part of a text that is kept.
fn kept(answer: Answer, keep: impl FnOnce(&str) -> String) -> Answer {
    match answer {
        Answer::Told(text) => Answer::Told(keep(&text)),
        other => other,
    }
}

/// The first place where the misc controller is mounted.
fn misc_capacity() -> Answer {
    let mut answers = questions::MISC_PATHS.iter().map(|path| files::text(path));
    let first = answers.find(|answer| !matches!(answer, Answer::Absent { .. }));
    first.unwrap_or_else(|| absent("no misc controller is mounted"))
}
