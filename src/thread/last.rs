//! The last error that ended a thread, a task or a callback which nobody asks for it: for dumps, since what waits for that
//! thread may wait for ever.

use crate::base::deadline::now;
use crate::base::mutex::Mutex;
use crate::base::race;
use crate::thread::names::copy_cut;
use crate::thread::report::Report;

#[derive(Clone, Copy)]
pub struct Last {
    pub ident: u64,
    pub when: u64,
    /// Each a C string, cut.
    pub thread_name: [u8; 64],
    pub type_name: [u8; 64],
    pub message: [u8; 128],
}

static LAST: Mutex<Option<Last>> = Mutex::new(None);

pub fn set(report: &Report) {
    let mut last = Last {
        ident: report.info().ident,
        when: now(),
        thread_name: [0; 64],
        type_name: [0; 64],
        message: [0; 128],
    };
    copy_cut(report.thread_name().as_c_str(), &mut last.thread_name);
    copy_cut(report.description().type_name.as_c_str(), &mut last.type_name);
    copy_cut(report.description().message.as_c_str(), &mut last.message);
    let mut kept = LAST.lock();
    race::unseen(|| *kept = Some(last));
}

/// None also while it is set. Async-signal-safe where threads can be woken in handlers.
pub fn get() -> Option<Last> {
    LAST.try_lock().and_then(|last| race::unseen(|| *last))
}
