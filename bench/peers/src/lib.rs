//! Rust's queues, locks and pools behind a C ABI, so that a call costs what one of lowthread's costs.
//! `peers.h` declares what is here.
//!
//! Nothing is checked: each function is called by the bench alone, with what its `new` returned.
#![allow(clippy::missing_safety_doc)]

mod locks;
mod pools;
mod queues;
