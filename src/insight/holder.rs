//! Which thread has what another one waits for, where that is known. Async-signal-safe: looks, and resides nowhere.

use crate::base::handle::{Any, Handle, Kind, Object};
use crate::base::waiting::What;
use crate::exec::future::Future;
use crate::sync::rlock::RLock;
use crate::thread::joinable::Thread;

/// Its ident.
pub fn of(what: What) -> Option<u64> {
    let object = Any::numbered(what.handle)?;
    let ident = match object.kind() {
        Kind::RLock => typed::<RLock>(object)?.owner().ok().filter(|owner| *owner != 0),
        Kind::Thread => typed::<Thread>(object)?.runs_as(),
        Kind::Future => typed::<Future>(object)?.runner(),
        _ => None,
    };
    ident.filter(|_| what.kind == Some(object.kind()))
}

fn typed<T: Object>(object: Any) -> Option<Handle<T>> {
    object.typed()
}
