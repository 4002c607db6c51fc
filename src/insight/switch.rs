//! Turning insight on and off.
//!
//! LOWTHREAD_INSIGHT in the environment does so when the library is loaded: owners,deadlock,order,contention,
//! socket:PATH,trace:FILE.

use crate::base::holding;
use crate::base::insight::{self, CONTENTION, DEADLOCK, HOLDERS, Hooks, ORDER, OWNERS, SOME_HOLDERS};
use crate::base::mutex::Mutex;
use crate::base::status::Error;
use crate::base::{record, this_thread, watchers};
use crate::insight::{cannot, circle, contention, holder, order, readable, setting, socket, trace};
use crate::sync::lock::Lock;
use crate::sync::rlock::RLock;
use crate::sync::rwlock::RwLock;
use crate::sync::spinlock::Spinlock;
use crate::sys::race;

static HOOKS: Hooks = Hooks {
    waits: circle::waits,
    goes_for: order::goes_for,
    is_over: holder::is_signal,
    has_waited: contention::has_waited,
    trace: trace::HOOKS,
};

static TURNING: Mutex<()> = Mutex::new(());

/// What lt_set_insight() turns.
const ALL: u32 = OWNERS | DEADLOCK | ORDER | CONTENTION;

const NAMES: [(&str, u32); 4] =
    [("owners", OWNERS), ("deadlock", DEADLOCK), ("order", ORDER), ("contention", CONTENTION)];

/// Turns these on, and the others off; not a trace.
pub fn set(what: u32) -> Result<(), Error> {
    if what & !ALL != 0 {
        return Err(Error::NoSuchInsight);
    }
    if what & ORDER != 0 {
        order::prepare()?;
    }
    if what & CONTENTION != 0 {
        contention::prepare()?;
    }
    turn(ALL, what)
}

/// Turns these on, and the others among those off.
pub fn turn(among: u32, what: u32) -> Result<(), Error> {
    // Two mutexes are held at once, which is for threads that have a record (`base::fork`).
    if what != 0 {
        this_thread::current().ok_or(Error::NoMemory)?;
    }
    let _turning = TURNING.lock();
    let before = insight::what_is_on();
    let what = before & !among | what;
    let begins = |some: u32| what & some != 0 && before & some == 0;
    if begins(SOME_HOLDERS) || begins(HOLDERS) {
        // Recorded first: what was released while nobody looked still stands there, and nothing is to follow from that.
        insight::turn(OWNERS | before & what, &HOOKS);
        watchers::settle();
        record::each(|record| record.held.clear());
    }
    if begins(HOLDERS) {
        holding::begin::<Lock>();
        holding::begin::<RLock>();
        holding::begin::<RwLock>();
        holding::begin::<Spinlock>();
    }
    insight::turn(what, &HOOKS);
    Ok(())
}

crate::sys::at_load!(load);

fn load() {
    if race::is_looked_for() {
        race::leave_out_own();
        insight::turn(insight::RACES, &HOOKS);
    }
    let Some(words) = setting(c"LOWTHREAD_INSIGHT") else { return };
    let (mut what, mut path, mut file) = (0, None, None);
    for word in words.split(|byte| *byte == b',').filter(|word| !word.is_empty()) {
        if let Some((_, bit)) = NAMES.iter().find(|(name, _)| name.as_bytes() == word) {
            what |= bit;
        } else if let Some(after) = word.strip_prefix(b"socket:") {
            take(&mut path, after);
        } else if let Some(after) = word.strip_prefix(b"trace:") {
            take(&mut file, after);
        } else {
            cannot(format_args!("LOWTHREAD_INSIGHT: there is no {:.100}", readable(word)));
        }
    }
    if set(what).is_err() {
        cannot(format_args!("LOWTHREAD_INSIGHT: no memory"));
    }
    if let Some(path) = path {
        socket::listen(path);
    }
    if let Some(file) = file {
        trace::start_named(file);
    }
}

/// There is one socket, and one trace: the last that is asked for.
fn take<'a>(place: &mut Option<&'a [u8]>, path: &'a [u8]) {
    if let Some(before) = place.replace(path).map(readable) {
        cannot(format_args!("LOWTHREAD_INSIGHT: {before:.400} is left out: of two the last counts"));
    }
}
