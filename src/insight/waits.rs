//! The threads that wait now.

use crate::base::record::{self, Record};
use crate::base::registry;
use crate::base::waiting::Wait;

/// Each of them, without a lock. One that came or went meanwhile may be there or not. Async-signal-safe.
pub fn each(mut f: impl FnMut(&'static Record, Wait)) {
    record::each(|record| {
        if let Some(wait) = of(record) {
            f(record, wait);
        }
    });
}

/// What a thread waits for.
pub fn of(record: &'static Record) -> Option<Wait> {
    // What was told before a fork stands in the records of those who are not there.
    record.waiting.read().filter(|_| !registry::vanished(record.ident()))
}

/// The living thread with this ident.
pub fn find(ident: u64) -> Option<&'static Record> {
    registry::in_place(ident).filter(|record| record.is_alive()).or_else(|| {
        let mut found = None;
        record::each(|record| {
            if record.ident() == ident && record.is_alive() {
                found = Some(record);
            }
        });
        found
    })
}
