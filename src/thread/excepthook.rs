//! Who hears of an error that ended a thread: the thread's lt_errors, or the hook.

use crate::base::deadline::Timeout;
use crate::base::fork::Participant;
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::this_thread;
use crate::base::turn::Turn;
use crate::base::unwind::{self, Caught, Frames};
use crate::sys::cancellation::PutOff;
use crate::sys::process::write_error;
use crate::thread::exception::{self, Description};
use crate::thread::report::{Report, lt_error_info};
use crate::thread::{errors, joinable, last, raise};
use core::ffi::c_void;

/// A hook of the user's.
pub type Hook = unsafe extern "C-unwind" fn(*const lt_error_info, *mut c_void);

/// The hook and its argument; None for the default.
struct Chosen(Option<(Hook, *mut c_void)>);

// SAFETY: the argument is the user's, who asked for it to be passed on any thread.
unsafe impl Send for Chosen {}

static HOOK: Mutex<Chosen> = Mutex::new(Chosen(None));

/// Taken while a report is written: a pipe takes a long one in parts.
static PRINTING: Turn<()> = Turn::new(());

/// How long another report is waited for, in nanoseconds: a pipe that nobody reads takes none at all.
const PATIENCE: Timeout = Timeout::Nanoseconds(1_000_000_000);

pub fn set(hook: Option<Hook>, argument: *mut c_void) -> Result<(), Error> {
    *HOOK.lock() = Chosen(hook.map(|hook| (hook, argument)));
    Ok(())
}

static PARTICIPANT: Participant = Participant::new(|| {
    PRINTING.forget(());
});

/// Tells of what a thread function threw, and ends it.
///
/// # Safety
/// It was caught on this thread, and nobody else uses it.
pub unsafe fn deliver_caught(record: &'static Record, caught: Caught) {
    // SAFETY: as the caller vouches.
    deliver_report(record, unsafe { report(record, caught) });
}

/// What is to be told of something that was thrown on this thread, and caught; ends it.
///
/// # Safety
/// As for `deliver_caught`.
pub unsafe fn report(record: &'static Record, caught: Caught) -> Report {
    // SAFETY: as the caller vouches.
    let (description, frames) = unsafe { put_into_words(caught) };
    Report::of(Some(record), description, &frames)
}

/// Tells the hook of an error that somebody else would have taken, had he not gone.
pub fn tell(report: Report) {
    call_hook(this_thread::current(), report);
}

/// Describes a caught exception and where it was thrown, and ends it before anybody is told: C++ cannot catch an exception of
/// ours, as a hook may want to, inside the handling of one of its own.
///
/// # Safety
/// It was caught, and nobody else uses it.
unsafe fn put_into_words(caught: Caught) -> (Description, Frames) {
    let Caught { exception, frames } = caught;
    let mut frames = frames.unboxed();
    // SAFETY: as the caller vouches.
    unsafe {
        if let Some(taken) = raise::raised(exception).and_then(|raised| raised.frames.as_deref()) {
            frames = *taken;
        }
        let description = exception::describe(exception);
        exception::end(exception);
        (description, frames)
    }
}

/// Tells of an error of the calling thread.
pub fn deliver(record: Option<&'static Record>, description: Description, frames: &Frames) {
    told(record, Report::of(record, description, frames));
}

/// Tells of an error of the calling thread that is put into words already.
pub fn deliver_report(record: &'static Record, report: Report) {
    told(Some(record), report);
}

fn told(record: Option<&'static Record>, report: Report) {
    last::set(&report);
    if let Some(record) = record {
        joinable::failed(record, &report);
        if errors::deliver(record, &report) {
            return;
        }
    }
    call_hook(record, report);
}

/// Calls the hook, which may raise (that is told by the default hook) or exit.
fn call_hook(record: Option<&'static Record>, report: Report) {
    let Chosen(chosen) = *HOOK.lock();
    // An error of the hook itself does not go to the hook.
    let record = record.filter(|record| !record.own().holds());
    let (Some((hook, argument)), Some(record)) = (chosen, record) else { return print("thread", &report) };
    let info: *const lt_error_info = report.info();
    // Should the hook leave with lt_exit, the record ends the share: this frame has nothing to clean up.
    let report = report.into_raw();
    record.own().hold(report, end_share);
    let mut call = Call { hook, info, argument };
    // SAFETY: the argument is what `Call::run` asks for.
    let outcome = unsafe { unwind::call(Call::run, (&raw mut call).cast()) };
    let Some(caught) = outcome else {
        record.own().let_go();
        // SAFETY: given away above, and not ended, since the hook has come back.
        return drop(unsafe { Report::from_raw(report) });
    };
    // SAFETY: caught here.
    let (description, frames) = unsafe { put_into_words(caught) };
    record.own().let_go();
    // SAFETY: as above.
    let report = unsafe { Report::from_raw(report) };
    print("thread", &report);
    print("the excepthook of thread", &report.another(description, &frames));
}

unsafe extern "C" fn end_share(report: *mut c_void) {
    // SAFETY: `call_hook` held a share, and was left before it ended it.
    drop(unsafe { Report::from_raw(report) });
}

struct Call {
    hook: Hook,
    info: *const lt_error_info,
    argument: *mut c_void,
}

impl Call {
    unsafe extern "C-unwind" fn run(call: *mut c_void) {
        // SAFETY: `call_hook` passes its call, and the hook is the user's.
        unsafe {
            let call = &*call.cast::<Call>();
            (call.hook)(call.info, call.argument);
        }
    }
}

/// The default hook: the whole report to stderr, in one write.
fn print(whose: &str, report: &Report) {
    let description = report.description();
    let ident = report.info().ident.to_string();
    let parts = [
        b"Unhandled error in ".as_slice(),
        whose.as_bytes(),
        b" ",
        report.thread_name().bytes(),
        b" (ident ",
        ident.as_bytes(),
        b"): ",
        description.type_name.bytes(),
        b": ",
        description.message.bytes(),
        b"\n",
        report.trace().to_bytes(),
    ];
    let mut text = Vec::new();
    if text.try_reserve_exact(parts.iter().map(|part| part.len()).sum()).is_ok() {
        parts.iter().for_each(|part| text.extend_from_slice(part));
        write_whole(&[&text]);
    } else {
        write_whole(&parts);
    }
}

/// Writes the parts, and no other report between them.
fn write_whole(parts: &[&[u8]]) {
    // A write can be cancelled, and this frame has something to give back.
    let _uncancelled = PutOff::begin();
    PARTICIPANT.join();
    let _turn = PRINTING.take(PATIENCE);
    parts.iter().for_each(|part| write_error(part));
}
