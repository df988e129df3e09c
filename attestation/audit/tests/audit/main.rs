//! Bundles as an honest service writes them, and every way in which one can be false.

mod files;
mod history;
mod recorded;
mod verdicts;
mod world;
