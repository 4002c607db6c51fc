//! Which thread has what another one waits for, where that is known. Async-signal-safe: looks, and resides nowhere.

use crate::base::handle::{Any, Kind};
use crate::base::waiting::What;
use crate::exec::future::Future;
use crate::sync::rlock::RLock;
use crate::thread::joinable::Thread;

/// Its ident.
pub fn of(what: What) -> Option<u64> {
    let object = Any::numbered(what.handle)?;
    let ident = match object.kind() {
        Kind::RLock => object.typed::<RLock>()?.owner().ok().filter(|owner| *owner != 0),
        Kind::Thread => object.typed::<Thread>()?.runs_as(),
        Kind::Future => object.typed::<Future>()?.runner(),
        _ => None,
    };
    ident.filter(|_| what.kind == Some(object.kind()))
}
