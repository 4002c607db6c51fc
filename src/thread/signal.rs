//! Routing signals: to the main thread, an event, a queue or a callback.
//!
//! The handler does nothing but post the signal's semaphore. A service thread for each signal that
//! was ever routed takes it from there, in ordinary context: so nothing that the kernel delivers is
//! lost, and a full queue or a slow callback holds up no other signal.

use crate::base::atomic::{AtomicU32, Ordering};
use crate::base::deadline::Deadline;
use crate::base::errno::Errno;
use crate::base::fork::Participant;
use crate::base::handle::Handle;
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::unwind;
use crate::base::{this_thread, wait};
use crate::sync::event::Event;
use crate::sync::queue::Queue;
use crate::thread::excepthook;
use crate::thread::service::{Attendance, Service};
use core::cell::UnsafeCell;
use core::ffi::{c_int, c_void};
use core::mem::MaybeUninit;
use core::ptr;

/// How many signals there can be; they are counted from 1.
const SIGNALS: usize = 64;

/// A callback of the user's.
pub type Callback = unsafe extern "C-unwind" fn(c_int, *mut c_void);

/// Where a signal goes.
#[derive(Clone, Copy)]
pub enum Target {
    Nowhere,
    Main,
    Event(Handle<Event>),
    Queue(Handle<Queue>),
    Callback(Callback, *mut c_void),
}

// SAFETY: the argument of a callback is the user's, who asked for it to be passed on another thread.
unsafe impl Send for Target {}

/// One signal.
struct Route {
    /// Posted once for each arrival. Initialised when the signal is first routed.
    arrivals: UnsafeCell<MaybeUninit<libc::sem_t>>,
    direction: Mutex<Direction>,
    /// Changes when the service thread leaves a queue. A futex.
    departures: AtomicU32,
    service: Service,
}

/// Where one signal goes now.
struct Direction {
    target: Target,
    /// Counts the changes of the target.
    version: u64,
    /// The service thread while it waits for room in a queue, and for which version.
    blocked: Option<(&'static Record, u64)>,
}

impl Direction {
    const NONE: Direction = Direction { target: Target::Nowhere, version: 0, blocked: None };

    fn turn(&mut self, target: Target) {
        self.target = target;
        self.version += 1;
        if let Some((record, _)) = self.blocked {
            record.interrupt.raise_plain();
        }
    }
}

impl Route {
    /// Turns the route, and sees the service thread out of the queue that it may wait for.
    fn turn(&self, target: Target) {
        self.direction.lock().turn(target);
        loop {
            // Relaxed: read before the look at who is blocked, which is under the lock.
            let departures = self.departures.load(Ordering::Relaxed);
            let direction = self.direction.lock();
            if direction.blocked.is_none_or(|(_, version)| version == direction.version) {
                return;
            }
            drop(direction);
            wait::wait(&self.departures, departures, Deadline::Never, None);
        }
    }
}

// SAFETY: a semaphore is made to be shared, and is initialised before its handler is installed.
unsafe impl Sync for Route {}

static ROUTES: [Route; SIGNALS] = [const {
    Route {
        arrivals: UnsafeCell::new(MaybeUninit::uninit()),
        direction: Mutex::new(Direction::NONE),
        departures: AtomicU32::new(0),
        service: Service::new(c"lt-signal", serve, || ()),
    }
}; SIGNALS];

/// What installing and restoring share; one at a time.
struct Installed {
    /// What was there before the first route, for each signal that has one.
    before: [Option<libc::sigaction>; SIGNALS],
    /// Whether the signal's semaphore is initialised.
    ready: [bool; SIGNALS],
}

static INSTALLED: Mutex<Installed> =
    Mutex::new(Installed { before: [const { None }; SIGNALS], ready: [false; SIGNALS] });

static PARTICIPANT: Participant = Participant::new(forget);

/// In a forked child: the service threads are gone, so every signal is what it was before its route.
fn forget() {
    let mut installed = INSTALLED.lock();
    for (index, before) in installed.before.iter_mut().enumerate() {
        if let Some(before) = before.take() {
            install(index as c_int + 1, &before);
        }
    }
    installed.ready = [false; SIGNALS];
    ROUTES.iter().for_each(|route| {
        *route.direction.lock() = Direction::NONE;
        route.service.forget();
    });
}

/// Routes a signal, in the place of where it went before.
pub fn route(signum: c_int, target: Target) -> Result<(), Error> {
    let index = index(signum)?;
    let (Some(route), false) = (ROUTES.get(index), matches!(signum, libc::SIGKILL | libc::SIGSTOP)) else {
        return Err(Error::NotASignal);
    };
    PARTICIPANT.join();
    let mut installed = INSTALLED.lock();
    let (Some(ready), _) = installed.at(index) else { return Err(Error::NotASignal) };
    // Asked first: what the system refuses leaves nothing behind.
    if action(signum).is_none() {
        return Err(Error::NotASignal);
    }
    if !*ready {
        // SAFETY: not ready means that no handler posts it and no thread waits on it.
        unsafe { libc::sem_init(route.arrivals.get().cast(), 0, 0) };
        *ready = true;
    }
    drop(installed);
    route.service.ensure(signum as usize)?;
    let mut installed = INSTALLED.lock();
    let (_, Some(before)) = installed.at(index) else { return Err(Error::NotASignal) };
    route.turn(target);
    if before.is_none() {
        // SAFETY: all zeros is a valid action, whose mask is emptied.
        let mut ours = unsafe { core::mem::zeroed::<libc::sigaction>() };
        ours.sa_sigaction = handler_address();
        ours.sa_flags = libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: a mask to be written.
        unsafe { libc::sigemptyset(&mut ours.sa_mask) };
        *before = Some(install(signum, &ours).ok_or(Error::NotASignal)?);
    }
    Ok(())
}

/// Puts back what was there before the signal's first route. Nothing if it has none.
pub fn restore(signum: c_int) -> Result<(), Error> {
    let index = index(signum)?;
    let mut installed = INSTALLED.lock();
    let (_, Some(before)) = installed.at(index) else { return Ok(()) };
    if let Some(before) = before.take() {
        install(signum, &before);
    }
    if let Some(route) = ROUTES.get(index) {
        route.turn(Target::Nowhere);
    }
    Ok(())
}

/// Whether a handler is the one that routes.
pub fn is_ours(handler: usize) -> bool {
    handler == handler_address()
}

fn handler_address() -> usize {
    handler as *const () as usize
}

impl Installed {
    fn at(&mut self, index: usize) -> (Option<&mut bool>, Option<&mut Option<libc::sigaction>>) {
        (self.ready.get_mut(index), self.before.get_mut(index))
    }
}

fn index(signum: c_int) -> Result<usize, Error> {
    let index = usize::try_from(signum).ok().and_then(|n| n.checked_sub(1));
    index.filter(|index| *index < SIGNALS).ok_or(Error::SignalOutOfRange)
}

/// The action of a signal, or None if the system has none to tell.
fn action(signum: c_int) -> Option<libc::sigaction> {
    let mut now = MaybeUninit::uninit();
    // SAFETY: asks without changing; on success the action was written.
    unsafe { (libc::sigaction(signum, ptr::null(), now.as_mut_ptr()) == 0).then(|| now.assume_init()) }
}

/// Sets the action of a signal; the one before, or None if the system refuses.
fn install(signum: c_int, action: &libc::sigaction) -> Option<libc::sigaction> {
    let mut before = MaybeUninit::uninit();
    // SAFETY: a valid action to be read, and one to be written, which it is on success.
    unsafe { (libc::sigaction(signum, action, before.as_mut_ptr()) == 0).then(|| before.assume_init()) }
}

/// Runs on whatever thread the signal interrupts.
extern "C" fn handler(signum: c_int) {
    let _errno = Errno::keep();
    if let Some(route) = index(signum).ok().and_then(|index| ROUTES.get(index)) {
        // SAFETY: initialised before this handler was installed; sem_post is async-signal-safe.
        unsafe { libc::sem_post(route.arrivals.get().cast()) };
    }
}

/// The service thread of one signal.
fn serve(attendance: &mut Attendance) {
    let (signum, record) = (attendance.argument() as c_int, attendance.record);
    let Some(route) = index(signum).ok().and_then(|index| ROUTES.get(index)) else { return };
    while attendance.serving() {
        attendance.rest();
        // SAFETY: initialised before this thread was started.
        if unsafe { libc::sem_wait(route.arrivals.get().cast()) } != 0 {
            continue;
        }
        let Direction { target, version, .. } = *route.direction.lock();
        match target {
            Target::Nowhere => (),
            Target::Main => this_thread::with_main(|main| main.interrupt.raise(signum as u32)),
            // What was freed meanwhile is no longer routed to.
            Target::Event(event) => drop(event.set()),
            Target::Queue(queue) => put(route, version, record, queue, signum),
            Target::Callback(callback, argument) => {
                attendance.be_ordinary();
                let mut call = Call { callback, signum, argument };
                // SAFETY: `Call::run` asks for this.
                if let Some(caught) = unsafe { unwind::call(Call::run, (&raw mut call).cast()) } {
                    // SAFETY: caught here.
                    unsafe { excepthook::deliver_caught(record, caught) };
                }
            }
        }
    }
}

/// Puts the signal into its queue, however long that takes, unless it is routed elsewhere meanwhile.
fn put(route: &Route, version: u64, record: &'static Record, queue: Handle<Queue>, signum: c_int) {
    let item = ptr::without_provenance_mut(signum as usize);
    loop {
        let mut direction = route.direction.lock();
        if direction.version != version {
            return;
        }
        direction.blocked = Some((record, version));
        drop(direction);
        let result = queue.put(item);
        let mut direction = route.direction.lock();
        direction.blocked = None;
        // Raised under this lock alone, and not for what comes after.
        record.interrupt.clear();
        drop(direction);
        // Relaxed: the lock orders it.
        route.departures.fetch_add(1, Ordering::Relaxed);
        wait::wake_all(&route.departures);
        if result != Err(Error::Interrupted) {
            return;
        }
    }
}

struct Call {
    callback: Callback,
    signum: c_int,
    argument: *mut c_void,
}

impl Call {
    unsafe extern "C-unwind" fn run(call: *mut c_void) {
        // SAFETY: `serve` passes its call, and the callback is the user's.
        unsafe {
            let call = &*call.cast::<Call>();
            (call.callback)(call.signum, call.argument);
        }
    }
}
