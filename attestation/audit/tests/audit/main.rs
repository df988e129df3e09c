//! The auditor of records of version 2, by its public interface.

mod files;
mod history;
mod recorded;
mod registry;
mod succession;
mod tees;
mod tenants;
mod verdicts;
mod world;
