//! What is accepted, and what is refused for which reason.

mod accepted;
mod real;
mod vectors;
