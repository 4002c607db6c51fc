//! Which thread has what another one waits for, where that is known. Async-signal-safe: looks, and resides nowhere.

use crate::base::handle::{Any, Handle, Kind};
use crate::base::holding::{Holding, Owned};
use crate::base::insight::{HOLDERS, is_on};
use crate::base::record::{self, Record};
use crate::base::registry;
use crate::base::waiting::What;
use crate::exec::future::Future;
use crate::sync::lock::Lock;
use crate::sync::rlock::RLock;
use crate::sync::rwlock::RwLock;
use crate::sync::spinlock::Spinlock;
use crate::thread::joinable::Thread;

/// Its ident; that of one of them, if several threads hold it.
pub fn of(what: What) -> Option<u64> {
    alone(what).or_else(|| {
        let mut first = None;
        readers(what, |reader| first = first.or(Some(reader.ident())));
        first
    })
}

/// That of the one thread that has it, and no other.
pub fn alone(what: What) -> Option<u64> {
    let object = Any::numbered(what.handle).filter(|object| what.kind == Some(object.kind()))?;
    match object.kind() {
        Kind::RLock => object.typed::<RLock>()?.owner().ok().filter(|owner| *owner != 0),
        Kind::Thread => object.typed::<Thread>()?.runs_as(),
        Kind::Future => object.typed::<Future>()?.runner(),
        _ => holding(object).filter(|_| is_on(HOLDERS))?.owner(),
    }
}

/// Those who hold a read-write lock for reading.
pub fn readers(what: What, mut f: impl FnMut(&'static Record)) {
    if what.kind != Some(Kind::RwLock) || !is_on(HOLDERS) || alone(what).is_some() || is_signal(what.handle) {
        return;
    }
    record::each(|record| {
        let is_there = record.is_alive() && !registry::vanished(record.ident());
        if is_there && record.held.find(what.handle).is_some() {
            f(record);
        }
    });
}

/// Whether it was released by a thread that did not hold it, or is no more.
pub fn is_signal(handle: usize) -> bool {
    let object = Any::numbered(handle);
    object.is_none_or(|object| holding(object).is_some_and(Holding::is_signal))
}

/// Whether it may still turn out to be one: any thread may release it, and none has so far.
pub fn may_become_signal(handle: usize) -> bool {
    let object = Any::numbered(handle).filter(|object| object.kind() != Kind::RLock);
    object.and_then(holding).is_some_and(|holding| !holding.was_released())
}

/// In microseconds, as far as that is known.
pub fn longest_hold(handle: usize) -> u32 {
    Any::numbered(handle).and_then(holding).map_or(0, Holding::longest)
}

fn holding(object: Any) -> Option<&'static Holding> {
    fn at<T: Owned>(handle: Handle<T>) -> Option<&'static Holding> {
        handle.alive().ok().map(Owned::holding)
    }
    match object.kind() {
        Kind::Lock => at(object.typed::<Lock>()?),
        Kind::RLock => at(object.typed::<RLock>()?),
        Kind::RwLock => at(object.typed::<RwLock>()?),
        Kind::Spinlock => at(object.typed::<Spinlock>()?),
        _ => None,
    }
}
