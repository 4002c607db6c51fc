//! Routing signals: to the main thread, an event, a queue or a callback.
//!
//! The handler does next to nothing: it posts the signal's semaphore, and a service thread for each
//! signal that was ever so routed takes it from there, in ordinary context. So nothing that the kernel
//! delivers is lost, and a full queue or a slow callback holds up no other signal. Only the main thread is
//! interrupted by the handler itself, where threads can be woken in handlers; and a handler of the
//! program's that is to stay is called first (a *chain*).
//!
//! A fork may come at any moment but inside of a lock: in the child, routers and services are gone, and
//! each signal is what it was before its route. So under the lock nobody waits, and none starts a thread.

use crate::base::atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering};
use crate::base::deadline::Deadline;
use crate::base::errno::{self, Errno};
use crate::base::fork::Participant;
use crate::base::handle::Handle;
use crate::base::mutex::Mutex;
use crate::base::record::Record;
use crate::base::status::Error;
use crate::base::trace::{self, Point};
use crate::base::unwind;
use crate::base::{race, this_thread, wait};
use crate::sync::event::Event;
use crate::sync::queue::Queue;
use crate::sys::signal::{ALL, Action, Handler, Info, SIGNALS, Semaphore, can_be_handled, is_marked};
use crate::thread::excepthook;
use crate::thread::service::{Attendance, Duty, Service};
use core::ffi::{c_int, c_void};
use core::ptr;

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

impl Target {
    fn needs_service(&self) -> bool {
        match self {
            Target::Nowhere => false,
            Target::Main => !wait::WAKES_IN_HANDLERS,
            Target::Event(_) | Target::Queue(_) | Target::Callback(..) => true,
        }
    }
}

/// What becomes of a handler that the program has installed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Theirs {
    /// It is not called while the signal is routed.
    Replaced,
    /// It is called first.
    Chained,
}

/// One signal.
struct Route {
    /// Posted once for each arrival that the service is to take. Made before the service starts.
    arrivals: Semaphore,
    /// What the handler does: `NOTHING`, `INTERRUPT_MAIN` or `POST`.
    way: AtomicU8,
    /// The handler of the program's that ours calls first, `UNCHAINED` if none.
    chained: AtomicUsize,
    course: Mutex<Course>,
    service: Service,
    /// Changes when the service thread leaves a queue. A futex.
    changes: AtomicU32,
}

const NOTHING: u8 = 0;
const INTERRUPT_MAIN: u8 = 1;
const POST: u8 = 2;

const UNCHAINED: usize = 0;

/// Where one signal goes now.
struct Course {
    target: Target,
    /// Counts the changes of the target.
    version: u64,
    /// Whether the semaphore is initialised.
    ready: bool,
    /// The service thread while it is at a queue, and for which version.
    at_queue: Option<(&'static Record, u64)>,
    /// What was there before the first route, or was found in the place of ours by a later one.
    before: Option<Action>,
}

impl Course {
    const NONE: Course =
        Course { target: Target::Nowhere, version: 0, ready: false, at_queue: None, before: None };
}

static ROUTES: [Route; SIGNALS] = [const {
    Route {
        arrivals: Semaphore::unmade(),
        way: AtomicU8::new(NOTHING),
        chained: AtomicUsize::new(UNCHAINED),
        course: Mutex::new(Course::NONE),
        service: Service::absent(),
        changes: AtomicU32::new(0),
    }
}; SIGNALS];

static DUTY: Duty = Duty { name: c"lt-signal", work: serve, left: || () };

static PARTICIPANT: Participant = Participant::new(forget);

/// In a forked child: the service threads are gone, so every signal is what it was before its route.
fn forget() {
    for (index, route) in ROUTES.iter().enumerate() {
        let mut course = route.course.lock();
        if let Some(before) = course.before.take() {
            // There is nobody to be told.
            let _ = give_back(index as c_int + 1, &before);
        }
        *course = Course::NONE;
        // Relaxed: there is one thread. A handler of the program's that has forked returns to ours.
        route.way.store(NOTHING, Ordering::Relaxed);
        route.service.forget();
    }
}

/// Routes a signal, in the place of where it went before.
pub fn route(signum: c_int, target: Target, theirs: Theirs) -> Result<(), Error> {
    let route = route_of(signum)?;
    PARTICIPANT.join();
    if target.needs_service() {
        route.serve(signum)?;
    }
    let mut course = route.course.lock();
    race::before(&raw const route.course);
    if let (Target::Nowhere, true) = (course.target, course.ready) {
        // What arrived for a route that was given up, and the service has not taken, is not for this one.
        // SAFETY: made.
        errno::keeping(|| unsafe { route.arrivals.drain() });
    }
    // Before the handler is there: nothing that arrives is dropped.
    let way = match target {
        Target::Nowhere => NOTHING,
        Target::Main if wait::WAKES_IN_HANDLERS => INTERRUPT_MAIN,
        _ => POST,
    };
    // Release: with it, the semaphore.
    let former = route.way.swap(way, Ordering::Release);
    // Release: as it was.
    route.install(&mut course, signum, theirs).inspect_err(|_| route.way.store(former, Ordering::Release))?;
    let turned = course.turn(target);
    drop(course);
    route.see_off(turned);
    Ok(())
}

/// Puts back what was there before the signal's route, unless the program has installed something over it.
/// Nothing if it has no route.
pub fn restore(signum: c_int) -> Result<(), Error> {
    let route = route_of(signum)?;
    let mut course = route.course.lock();
    let Some(before) = course.before else { return Ok(()) };
    give_back(signum, &before)?;
    course.before = None;
    // Relaxed: whoever is in the handler still may do the one or the other.
    route.way.store(NOTHING, Ordering::Relaxed);
    let turned = course.turn(Target::Nowhere);
    drop(course);
    route.see_off(turned);
    Ok(())
}

/// Whether an action comes down to a handler of the program's: installed, or called by ours.
/// Async-signal-safe.
pub fn is_handled(signum: c_int, action: &Action) -> bool {
    if !is_ours(action) {
        return action.is_handler();
    }
    let route = index(signum).ok().and_then(|index| ROUTES.get(index));
    // Relaxed: a route that changes at this moment may be seen as it was.
    route.is_some_and(|route| route.chained.load(Ordering::Relaxed) != UNCHAINED)
}

fn handler_address() -> usize {
    handler as *const () as usize
}

/// What a change of a route leaves to be done without the lock.
struct Turned {
    version: u64,
    /// The service thread that is to leave a queue.
    leaves: Option<&'static Record>,
}

impl Course {
    fn turn(&mut self, target: Target) -> Turned {
        self.target = target;
        self.version += 1;
        let leaves = self.at_queue.map(|(record, _)| record);
        if let Some(record) = leaves {
            // Under the lock, under which the service will clear it.
            record.interrupt.mark();
        }
        Turned { version: self.version, leaves }
    }
}

impl Route {
    /// Sees to it that the signal has its service thread, and what that waits for.
    fn serve(&'static self, signum: c_int) -> Result<(), Error> {
        let mut course = self.course.lock();
        if !core::mem::replace(&mut course.ready, true) {
            // SAFETY: there is no service thread yet, and no handler posts before there is one.
            unsafe { self.arrivals.make() };
        }
        drop(course);
        self.service.ensure(&DUTY, signum as usize)
    }

    /// Sees the service thread out of the queue that it was at before the route turned.
    fn see_off(&self, turned: Turned) {
        let Some(record) = turned.leaves else { return };
        record.interrupt.rouse();
        loop {
            // Relaxed: read before the lock is released, under which the service leaves.
            let changes = self.changes.load(Ordering::Relaxed);
            let at_queue = self.course.lock().at_queue;
            if at_queue.is_none_or(|(_, version)| version >= turned.version) {
                return;
            }
            wait::wait(&self.changes, changes, Deadline::Never, None);
        }
    }

    /// Installs our handler, in the place of whichever is there, which is remembered if it is not ours.
    fn install(&self, course: &mut Course, signum: c_int, theirs: Theirs) -> Result<(), Error> {
        let mut found = Action::of(signum).ok_or(Error::NotASignal)?;
        loop {
            if !is_ours(&found) {
                course.before = Some(found);
            }
            // Ours without a route: the program has put back what it once displaced.
            let before = *course.before.get_or_insert(Action::usual());
            let chained = match theirs {
                Theirs::Chained if before.is_handler() => before.address(),
                _ => UNCHAINED,
            };
            // Release: the handler finds the code that was installed there.
            let former = self.chained.swap(chained, Ordering::Release);
            let Some(displaced) = before.replaced(handler, chained != UNCHAINED).exchange(signum) else {
                // Release: as it was.
                self.chained.store(former, Ordering::Release);
                return Err(Error::NotASignal);
            };
            if is_ours(&displaced) || displaced.address() == before.address() {
                return Ok(());
            }
            // The program has installed another one meanwhile.
            found = displaced;
        }
    }
}

fn is_ours(action: &Action) -> bool {
    action.address() == handler_address()
}

/// Puts back what was there before, unless the program has installed something else over ours.
fn give_back(signum: c_int, before: &Action) -> Result<(), Error> {
    if is_ours(&Action::of(signum).ok_or(Error::NotASignal)?) {
        before.exchange(signum).ok_or(Error::NotASignal)?;
    }
    Ok(())
}

/// The route that a signal has, or could have.
fn route_of(signum: c_int) -> Result<&'static Route, Error> {
    let index = index(signum)?;
    let (Some(route), true) = (ROUTES.get(index), can_be_handled(signum)) else {
        return Err(if ALL { Error::NotASignal } else { Error::NoSuchSignalHere });
    };
    // Asked before anything is done: what the system refuses leaves nothing behind.
    if Action::of(signum).is_none() {
        return Err(Error::NotASignal);
    }
    Ok(route)
}

fn index(signum: c_int) -> Result<usize, Error> {
    let index = usize::try_from(signum).ok().and_then(|n| n.checked_sub(1));
    index.filter(|index| *index < SIGNALS).ok_or(Error::SignalOutOfRange)
}

/// Runs on whatever thread the signal interrupts. It may be unwound by the handler that it calls.
unsafe extern "C-unwind" fn handler(signum: c_int, info: *mut Info, context: *mut c_void) {
    let Some(route) = index(signum).ok().and_then(|index| ROUTES.get(index)) else { return };
    // Acquire: pairs with `install`.
    let chained = route.chained.load(Ordering::Acquire);
    if chained != UNCHAINED {
        // SAFETY: an address that was installed as a handler of this signal. It gets what it would have got.
        unsafe { core::mem::transmute::<usize, Handler>(chained)(signum, info, context) };
    }
    // SAFETY: from the kernel.
    if !unsafe { is_marked(info) } {
        arrived(route, signum);
    }
}

fn arrived(route: &Route, signum: c_int) {
    let _errno = Errno::keep();
    // Acquire: pairs with `route`.
    match route.way.load(Ordering::Acquire) {
        INTERRUPT_MAIN => this_thread::with_main(|main| main.interrupt.raise(signum as u32)),
        // SAFETY: made before this way was taken.
        POST => unsafe { route.arrivals.post() },
        _ => (),
    }
}

/// The service thread of one signal.
fn serve(attendance: &mut Attendance) {
    let (signum, record) = (attendance.argument() as c_int, attendance.record);
    let Some(route) = index(signum).ok().and_then(|index| ROUTES.get(index)) else { return };
    while attendance.serving() {
        attendance.rest();
        // SAFETY: made before this thread was started.
        if unsafe { !route.arrivals.wait() } {
            continue;
        }
        let Course { target, version, .. } = *route.course.lock();
        race::after(&raw const route.course);
        let slice = trace::open(record, || trace::Event::begins(Point::Signal, signum as usize, 0));
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
        trace::close(record, slice);
    }
}

/// Puts the signal into its queue, however long that takes, unless it is routed elsewhere meanwhile. A queue
/// that was freed is no longer routed to.
fn put(route: &Route, version: u64, record: &'static Record, queue: Handle<Queue>, signum: c_int) {
    let item = ptr::without_provenance_mut(signum as usize);
    loop {
        let mut course = route.course.lock();
        if course.version != version {
            return;
        }
        course.at_queue = Some((record, version));
        drop(course);
        let result = queue.put_as_guest(item);
        let mut course = route.course.lock();
        course.at_queue = None;
        // Marked under this lock alone, and not for what comes after.
        while record.interrupt.take().is_some() {}
        drop(course);
        // Relaxed: the lock orders it.
        route.changes.fetch_add(1, Ordering::Relaxed);
        wait::wake_all(&route.changes);
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
