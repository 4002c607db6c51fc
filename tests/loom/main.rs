//! Weak memory: each place in the library where two threads write and then look at what the other writes, so
//! that one of them must see the other ("publish, then look whether somebody waits" and "say that one waits,
//! then look again"), and each word that is read before what it announces. The crate `loom` tries every
//! interleaving, and every value that the memory model lets a load return: `make loom`.
//!
//! The models are copies: a few lines of a protocol with its orderings, and the file that they are from.
//! Who changes an ordering there changes it here. Each has a twin with one ordering less, which must fail:
//! so the model sees what the ordering is for.
#![cfg(loom)]
#![allow(clippy::unwrap_used, reason = "a test may")]

mod bunch;
mod event;
mod fork;
mod future;
mod futex;
mod grants;
mod interrupt;
mod queue;
mod resident;
mod seq_cst;
mod side;
mod watch;
mod watchers;

/// Runs a model in every way.
fn explore(model: impl Fn() + Sync + Send + 'static) {
    loom::model::Builder::new().check(model);
}

/// Runs a model of more threads in every way in which a thread is held up at most twice in the middle.
fn explore_some(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(model);
}
